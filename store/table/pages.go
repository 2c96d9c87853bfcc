package table

// pages is an array of pointers that copies on write, like tree. The zero value is
// empty.
type pages[T any] struct {
	root  *page[T]
	depth int // levels below the root
}

const (
	pageBits = 5
	pageLen  = 1 << pageBits
)

// page has items, at depth 0, or pages.
type page[T any] struct {
	below []*page[T]
	items []T
	epoch uint64
}

// get returns the item at i, which must have been set.
func (a *pages[T]) get(i uint32) T {
	p := a.root
	for level := a.depth; level > 0; level-- {
		p = p.below[i>>(level*pageBits)&(pageLen-1)]
	}
	return p.items[i&(pageLen-1)]
}

// set changes the item at i; it may be the one behind the last.
func (a *pages[T]) set(i uint32, item T, epoch uint64) {
	if a.root == nil {
		a.root = new(page[T])
	}
	for uint64(i)>>((a.depth+1)*pageBits) > 0 {
		a.root = &page[T]{below: []*page[T]{a.root}, epoch: epoch}
		a.depth++
	}
	a.root = a.root.own(epoch)
	p := a.root
	for level := a.depth; level > 0; level-- {
		at := int(i >> (level * pageBits) & (pageLen - 1))
		if at == len(p.below) {
			p.below = append(p.below, &page[T]{epoch: epoch})
		}
		p.below[at] = p.below[at].own(epoch)
		p = p.below[at]
	}
	at := int(i & (pageLen - 1))
	if at == len(p.items) {
		p.items = append(p.items, item)
		return
	}
	p.items[at] = item
}

// own returns the page if it belongs to the epoch, or its copy.
func (p *page[T]) own(epoch uint64) *page[T] {
	if p.epoch == epoch {
		return p
	}
	c := &page[T]{epoch: epoch}
	if p.below != nil {
		c.below = append(make([]*page[T], 0, roomFor(len(p.below))), p.below...)
	}
	if p.items != nil {
		c.items = append(make([]T, 0, roomFor(len(p.items))), p.items...)
	}
	return c
}

// roomFor is the room to make for n things of a page, which may get more.
func roomFor(n int) int {
	if n <= 4 {
		return 4
	}
	return pageLen
}
