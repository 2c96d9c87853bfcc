package scheduler

import (
	"cmp"
	"container/heap"

	"github.com/droverhq/drover/api"
)

// candidate is a node that a group's rules allow, and how it scores for the next
// instance.
type candidate struct {
	slot   int32
	id     string
	tie    uint64 // decides between equal scores
	bucket int
	// free is what the node has left, with what is freed in the same transaction.
	free      api.Usage
	asked     api.Usage // by an instance on this node
	places    int       // allocations that the node may still take, or noLimit
	instances int       // of the group that are there
	mates     int       // instances that must not be there, by distinct_hosts

	scores scores
	sum    float64 // of the parts of the score that count, without the spread
	rank   float64 // the same, with fit as it is ranked
	parts  int
	empty  bool // nothing is on the node, or all of it goes
	out    bool // can't take a further instance
	// preferred says that it is chosen before all others that are not out.
	preferred bool
	short     string // of what it has too little, if it is out for that
}

// noLimit is for nodes that take any number of allocations.
const noLimit = -1

// rescore works out the score for the next instance.
func (c *candidate) rescore(room api.Usage, count int, policy Policy) {
	used := api.Usage{CPU: room.CPU - c.free.CPU + c.asked.CPU, MemoryMB: room.MemoryMB - c.free.MemoryMB + c.asked.MemoryMB}
	c.scores.fit = policy.fit(room, used)
	if c.instances > 0 && !c.scores.packOnly {
		c.scores.antiAffinity = -1 * float64(c.instances+1) / float64(count)
	}
	c.sum, c.parts = c.scores.sum()
	c.rank = c.sum - c.scores.fit + policy.ranked(c.scores.fit, c.empty)
}

// compareTies orders candidates of equal score: the first is preferred.
func compareTies(a, b *candidate) int {
	if a.tie != b.tie {
		return cmp.Compare(a.tie, b.tie)
	}
	return cmp.Compare(a.id, b.id)
}

// pile is candidates of one bucket of which the same number of score parts
// counts, so that their order does not depend on the spread: what the spread adds is
// the same for all. It is a heap with the best on top.
type pile struct {
	candidates []candidate // of all piles
	order      []int32
}

func (p *pile) Len() int { return len(p.order) }

func (p *pile) Less(i, j int) bool {
	a, b := &p.candidates[p.order[i]], &p.candidates[p.order[j]]
	if a.preferred != b.preferred {
		return a.preferred
	}
	if a.rank != b.rank {
		return a.rank > b.rank
	}
	return compareTies(a, b) < 0
}

func (p *pile) Swap(i, j int) { p.order[i], p.order[j] = p.order[j], p.order[i] }

// Push is for heap.Push.
func (p *pile) Push(x any) { p.order = append(p.order, x.(int32)) }

// Pop is for heap.Pop.
func (p *pile) Pop() any {
	last := len(p.order) - 1
	x := p.order[last]
	p.order = p.order[:last]
	return x
}

// maxParts is how many parts of a score may count beside the spread.
const maxParts = 6

// ranking keeps candidates so that the best is found, and moved when its score
// changed, in O(log nodes) for each bucket.
type ranking struct {
	candidates []candidate
	buckets    buckets
	piles      []pile // maxParts for each bucket
	best       *pile  // whose top is the best
}

// newRanking sorts the candidates.
func newRanking(candidates []candidate, b buckets) *ranking {
	r := &ranking{candidates: candidates, buckets: b, piles: make([]pile, maxParts*len(b.list))}
	r.buckets.rescore()
	for i := range r.piles {
		r.piles[i].candidates = candidates
	}
	for i := range candidates {
		if c := &candidates[i]; !c.out {
			p := r.pile(c)
			p.order = append(p.order, int32(i))
		}
	}
	for i := range r.piles {
		heap.Init(&r.piles[i])
	}
	return r
}

func (r *ranking) pile(c *candidate) *pile { return &r.piles[c.bucket*maxParts+c.parts-1] }

// spread returns what the spreads add to a candidate's score.
func (r *ranking) spread(c *candidate) float64 { return r.buckets.list[c.bucket].score }

func (r *ranking) score(c *candidate) float64 { return mean(c.rank, c.parts, r.spread(c)) }

// first returns the candidate with the best score, or nil. Candidates that stay
// out once they come up are dropped.
func (r *ranking) first(stays func(*candidate) bool) *candidate {
	var best *candidate
	var bestScore float64
	for i := range r.piles {
		p := &r.piles[i]
		c := p.top()
		for c != nil && !stays(c) {
			c.out = true
			heap.Pop(p)
			c = p.top()
		}
		if c == nil {
			continue
		}
		score := r.score(c)
		if c.preferred { // and there is one only
			best, r.best = c, p
			break
		}
		if best == nil || score > bestScore || score == bestScore && compareTies(c, best) < 0 {
			best, bestScore, r.best = c, score, p
		}
	}
	return best
}

func (p *pile) top() *candidate {
	if len(p.order) == 0 {
		return nil
	}
	return &p.candidates[p.order[0]]
}

// enter puts a candidate that was out where it belongs, unless it is out.
func (r *ranking) enter(c *candidate) {
	if c.out {
		return
	}
	for i := range r.candidates {
		if &r.candidates[i] == c {
			heap.Push(r.pile(c), int32(i))
		}
	}
}

// moved puts the candidate that first returned where its new score belongs, or
// drops it if it is out.
func (r *ranking) moved(c *candidate) {
	from := r.best
	to := from
	if !c.out {
		to = r.pile(c)
	}
	if !c.out && to == from {
		heap.Fix(from, 0)
		return
	}
	i := heap.Pop(from)
	if !c.out {
		heap.Push(to, i)
	}
}
