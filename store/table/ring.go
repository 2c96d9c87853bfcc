package table

import "sort"

// ring is a queue of batches in the order of their indexes. It grows by doubling and
// does not shrink.
type ring struct {
	buf   []batch // length is a power of two, or 0
	head  int     // place of the oldest
	count int
}

func (r *ring) len() int { return r.count }

// at returns the i-th oldest batch.
func (r *ring) at(i int) *batch { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

func (r *ring) push(b batch) {
	if r.count == len(r.buf) {
		grown := make([]batch, max(16, 2*len(r.buf)))
		for i := range r.count {
			grown[i] = *r.at(i)
		}
		r.buf, r.head = grown, 0
	}
	r.count++
	*r.at(r.count - 1) = b
}

// pop removes the oldest batch.
func (r *ring) pop() batch {
	b := *r.at(0)
	*r.at(0) = batch{}
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.count--
	return b
}

// after returns the place of the first batch behind index.
func (r *ring) after(index uint64) int {
	return sort.Search(r.count, func(i int) bool { return r.at(i).index > index })
}
