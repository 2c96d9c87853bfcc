package table

import (
	"encoding/binary"
	"iter"
	"slices"
)

// A tree is a B-tree of rows in the order of their keys, which copies on write: a node
// belongs to the epoch in which it was made, and is copied when it changes in a later
// one. It holds no keys, only where they are and how they begin; so an entry takes 16
// bytes that the garbage collector need not look at, and a row whose object is replaced
// keeps its entries.
type tree struct{ root *node }

// entry is a row, with the first eight bytes of its key, which decide most
// comparisons.
type entry struct {
	prefix uint64
	row    uint32
}

// node has its rows in order (a leaf), or its children, with the first entry of each.
type node struct {
	children []*node // nil in a leaf
	entries  []entry
	size     int // rows below
	epoch    uint64
}

// maxEntries is the width of a node: a full leaf is a 512-byte block. Wider ones make
// searches a little faster and every first write after a snapshot slower.
const maxEntries = 32

// position is a place in the order of keys: namespace, then ID.
type position struct {
	prefix        uint64
	namespace, id string
}

// newPosition returns the position of a key; namespaced says whether keys of the kind
// have a namespace. Neither part of a key holds a zero byte.
func newPosition(namespaced bool, namespace, id string) position {
	var b [8]byte
	n := 0
	if namespaced {
		n = copy(b[:], namespace) + 1
	}
	if n < len(b) {
		copy(b[n:], id)
	}
	return position{binary.BigEndian.Uint64(b[:]), namespace, id}
}

// orderOf compares a position with the key of a row.
type orderOf func(p position, row uint32) int

// search returns the place of the first entry that is not before p. It is most of what a
// read costs, so it looks at keys only where prefixes are equal.
func (n *node) search(p position, order orderOf) (i int, found bool) {
	from, to := 0, len(n.entries)
	for from < to {
		at := int(uint(from+to) / 2)
		e := n.entries[at]
		if e.prefix == p.prefix {
			by := order(p, e.row)
			if by == 0 {
				return at, true
			}
			if by < 0 {
				to = at
			} else {
				from = at + 1
			}
		} else if p.prefix < e.prefix {
			to = at
		} else {
			from = at + 1
		}
	}
	return from, false
}

// child returns the child in which p is, or belongs.
func (n *node) child(p position, order orderOf) int {
	i, found := n.search(p, order)
	if found || i == 0 {
		return i
	}
	return i - 1
}

func (t tree) len() int {
	if t.root == nil {
		return 0
	}
	return t.root.size
}

func (t tree) get(p position, order orderOf) (row uint32, ok bool) {
	for n := t.root; n != nil; {
		if n.children == nil {
			i, found := n.search(p, order)
			if !found {
				return 0, false
			}
			return n.entries[i].row, true
		}
		n = n.children[n.child(p, order)]
	}
	return 0, false
}

// rank returns how many rows come before p.
func (t tree) rank(p position, order orderOf) int {
	before := 0
	for n := t.root; n != nil; {
		if n.children == nil {
			i, _ := n.search(p, order)
			return before + i
		}
		at := n.child(p, order)
		for _, c := range n.children[:at] {
			before += c.size
		}
		n = n.children[at]
	}
	return before
}

// ascend yields the rows from p on.
func (t tree) ascend(p position, order orderOf) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if t.root != nil {
			t.root.ascend(p, order, yield)
		}
	}
}

func (n *node) ascend(p position, order orderOf, yield func(uint32) bool) bool {
	if n.children == nil {
		i, _ := n.search(p, order)
		for _, e := range n.entries[i:] {
			if !yield(e.row) {
				return false
			}
		}
		return true
	}
	i := n.child(p, order)
	if !n.children[i].ascend(p, order, yield) {
		return false
	}
	for _, c := range n.children[i+1:] {
		if !c.all(yield) {
			return false
		}
	}
	return true
}

func (n *node) all(yield func(uint32) bool) bool {
	for _, e := range n.entries {
		if n.children == nil && !yield(e.row) {
			return false
		}
	}
	for _, c := range n.children {
		if !c.all(yield) {
			return false
		}
	}
	return true
}

// own returns the node if it belongs to the epoch, or its copy.
func (n *node) own(epoch uint64) *node {
	if n.epoch == epoch {
		return n
	}
	c := &node{size: n.size, epoch: epoch}
	c.entries = append(make([]entry, 0, grown(len(n.entries))), n.entries...)
	if n.children != nil {
		c.children = append(make([]*node, 0, grown(len(n.children))), n.children...)
	}
	return c
}

// grown is the room to make for n entries and a few more. There are many nodes, so it is
// only a few.
func grown(n int) int { return (n + 4) &^ 3 }

// insertAt inserts into a list of a node.
func insertAt[T any](list []T, i int, item T) []T {
	if len(list) == cap(list) { // append would double it
		list = append(make([]T, 0, grown(len(list))), list...)
	}
	return slices.Insert(list, i, item)
}

// insert adds a row whose key is at p and not there yet.
func (t tree) insert(p position, row uint32, order orderOf, epoch uint64) tree {
	e := entry{p.prefix, row}
	if t.root == nil {
		return tree{&node{entries: []entry{e}, size: 1, epoch: epoch}}
	}
	left, right := t.root.insert(p, e, order, epoch)
	if right == nil {
		return tree{left}
	}
	return tree{&node{
		children: []*node{left, right},
		entries:  []entry{left.entries[0], right.entries[0]},
		size:     left.size + right.size,
		epoch:    epoch,
	}}
}

// insert returns the node as it is now, and a new one to its right if it was split.
func (n *node) insert(p position, e entry, order orderOf, epoch uint64) (left, right *node) {
	n = n.own(epoch)
	n.size++
	if n.children == nil {
		i, _ := n.search(p, order)
		n.entries = insertAt(n.entries, i, e)
		return n, n.split(i, epoch)
	}
	i := n.child(p, order)
	child, more := n.children[i].insert(p, e, order, epoch)
	n.children[i], n.entries[i] = child, child.entries[0]
	if more == nil {
		return n, nil
	}
	n.children = insertAt(n.children, i+1, more)
	n.entries = insertAt(n.entries, i+1, more.entries[0])
	return n, n.split(i+1, epoch)
}

// split moves a part of a node that has grown too wide to a new one. After an insert at
// its end that is the last entry only: keys often come in order, and then leave full
// nodes behind.
func (n *node) split(inserted int, epoch uint64) *node {
	if len(n.entries) <= maxEntries {
		return nil
	}
	at := len(n.entries) / 2
	if inserted == len(n.entries)-1 {
		at = inserted
	}
	right := &node{epoch: epoch}
	right.entries = append(make([]entry, 0, grown(len(n.entries)-at)), n.entries[at:]...)
	n.entries = slices.Clip(append(make([]entry, 0, grown(at)), n.entries[:at]...))
	if n.children != nil {
		right.children = append(make([]*node, 0, grown(len(n.children)-at)), n.children[at:]...)
		n.children = append(make([]*node, 0, grown(at)), n.children[:at]...)
	}
	right.count()
	n.count()
	return right
}

func (n *node) count() {
	n.size = len(n.entries)
	if n.children != nil {
		n.size = 0
		for _, c := range n.children {
			n.size += c.size
		}
	}
}

// delete removes the row whose key is at p, which must be there.
func (t tree) delete(p position, order orderOf, epoch uint64) tree {
	root := t.root.delete(p, order, epoch)
	for root != nil && len(root.children) == 1 {
		root = root.children[0]
	}
	return tree{root}
}

// delete returns the node as it is now, or nil if nothing is left of it.
func (n *node) delete(p position, order orderOf, epoch uint64) *node {
	n = n.own(epoch)
	n.size--
	if n.size == 0 {
		return nil
	}
	if n.children == nil {
		i, _ := n.search(p, order)
		n.entries = slices.Delete(n.entries, i, i+1)
		return n
	}
	i := n.child(p, order)
	child := n.children[i].delete(p, order, epoch)
	if child == nil {
		n.children = slices.Delete(n.children, i, i+1)
		n.entries = slices.Delete(n.entries, i, i+1)
		return n
	}
	n.children[i], n.entries[i] = child, child.entries[0]
	if len(child.entries) < maxEntries/4 {
		n.merge(max(0, i-1), epoch)
	}
	return n
}

// merge joins two neighbours if they leave room together.
func (n *node) merge(i int, epoch uint64) {
	if i+1 >= len(n.children) {
		return
	}
	left, right := n.children[i], n.children[i+1]
	if len(left.entries)+len(right.entries) > maxEntries*3/4 {
		return
	}
	left = left.own(epoch)
	left.entries = append(left.entries, right.entries...)
	left.children = append(left.children, right.children...)
	left.size += right.size
	n.children[i] = left
	n.children = slices.Delete(n.children, i+1, i+2)
	n.entries = slices.Delete(n.entries, i+1, i+2)
}
