package scheduler

import (
	"cmp"
	"slices"

	"github.com/droverhq/drover/api"
)

// coreAsk is a task that wants cores to itself.
type coreAsk struct {
	task     string
	count    int
	affinity string // one of api.NUMANone, api.NUMAPrefer, api.NUMARequire
}

// coresWanted returns what the tasks of a group want of cores, in the order in which
// they are served: whoever is hardest to please, and wants most, comes first.
func coresWanted(g *api.TaskGroup) []coreAsk {
	var asks []coreAsk
	for _, t := range g.Tasks {
		if t.Resources == nil || api.Deref(t.Resources.Cores) <= 0 {
			continue
		}
		ask := coreAsk{task: t.Name, count: int(amount(t.Resources.Cores)), affinity: api.NUMANone}
		if numa := t.Resources.NUMA; numa != nil && numa.Affinity != "" {
			ask.affinity = numa.Affinity
		}
		asks = append(asks, ask)
	}
	strictness := []string{api.NUMANone, api.NUMAPrefer, api.NUMARequire}
	slices.SortStableFunc(asks, func(a, b coreAsk) int {
		return cmp.Or(
			cmp.Compare(slices.Index(strictness, b.affinity), slices.Index(strictness, a.affinity)),
			cmp.Compare(b.count, a.count))
	})
	return asks
}

// What there is too little of, as failures name it.
const (
	exhaustedCores = "cores"
	exhaustedNUMA  = "numa-cores" // there are enough, but not on one NUMA node
)

// coreOffer is cores of one node that fit together.
type coreOffer struct {
	of    *processors
	free  [][]core // by NUMA node: those that nobody has, by their numbers
	left  []int    // by NUMA node: how many of them are not given to a task yet
	given []coreGrant
	tries int // of a search that may go on
	// mhz is that of all cores that are given; together, how many of the tasks that
	// prefer one NUMA node have got one, of wishes.
	mhz              int64
	together, wishes int
}

// coreGrant is the cores of one task.
type coreGrant struct {
	task  string
	cores []uint16
	mhz   int64
}

// maxTries bounds the search for NUMA nodes for several tasks that each require one:
// beyond a few of each, to find out is as hard as packing bins.
const maxTries = 10_000

// assign finds cores for all asks, or says what there is too little of. freed are cores
// that others give back in the same transaction. Which cores are given depends on what
// is taken, on nothing else.
func (o *coreOffer) assign(of *processors, freed []uint16, asks []coreAsk) (exhausted string) {
	*o = coreOffer{of: of, free: o.free[:0], left: o.left[:0], given: o.given[:0], tries: maxTries}
	if len(asks) == 0 {
		return ""
	}
	wanted, left := 0, o.look(freed)
	for _, ask := range asks {
		wanted += ask.count
	}
	if left < wanted {
		return exhaustedCores
	}
	required := 0
	for required < len(asks) && asks[required].affinity == api.NUMARequire {
		required++
	}
	places := make([]int, required)
	if !o.settle(asks[:required], places) {
		return exhaustedNUMA
	}
	for i, ask := range asks[:required] {
		o.left[places[i]] += ask.count // take counts them again
	}
	for i, ask := range asks {
		switch {
		case i < required:
			o.take(ask, share{places[i], ask.count})
		case ask.affinity == api.NUMAPrefer:
			shares := o.nearest(ask.count)
			o.wishes++
			if len(shares) == 1 {
				o.together++
			}
			o.take(ask, shares...)
		default:
			o.take(ask, o.fullest(ask.count)...)
		}
	}
	return ""
}

// look finds out which cores are free and returns how many.
func (o *coreOffer) look(freed []uint16) (count int) {
	for i := range o.of.numa {
		cores := o.of.numa[i].cores
		if len(o.of.holders) > 0 {
			cores = slices.DeleteFunc(slices.Clone(cores), func(c core) bool {
				holders := o.of.holders[c.id]
				for _, id := range freed {
					if id == c.id {
						holders--
					}
				}
				return holders > 0
			})
		}
		o.free, o.left = append(o.free, cores), append(o.left, len(cores))
		count += len(cores)
	}
	return count
}

// settle chooses a NUMA node for each of the asks, in places, and takes what they want
// from what is left there. It tries the tightest first.
func (o *coreOffer) settle(asks []coreAsk, places []int) bool {
	if len(asks) == 0 {
		return true
	}
	for tried := asks[0].count - 1; o.tries > 0; o.tries-- {
		// NUMA nodes with as much left are alike: if one will not do, none will.
		n := o.tightest(tried + 1)
		if n < 0 {
			return false
		}
		tried = o.left[n]
		o.left[n] -= asks[0].count
		if places[0] = n; o.settle(asks[1:], places[1:]) {
			return true
		}
		o.left[n] += asks[0].count
	}
	return false
}

// tightest returns the NUMA node with the fewest cores left of those that have so many,
// or −1.
func (o *coreOffer) tightest(count int) int {
	best := -1
	for n, left := range o.left {
		if left >= count && (best < 0 || left < o.left[best]) {
			best = n
		}
	}
	return best
}

// share is a number of cores of one NUMA node.
type share struct{ node, count int }

// fullest takes cores where the fewest are left, so that NUMA nodes stay whole.
func (o *coreOffer) fullest(count int) []share {
	return o.gather(count, func(a, b int) int { return cmp.Compare(o.left[a], o.left[b]) })
}

// nearest takes cores from one NUMA node if one has enough, and else cores that are
// near each other: from each NUMA node on, it takes the nearest ones, and of the
// outcomes that with the least sum of distances.
func (o *coreOffer) nearest(count int) []share {
	if n := o.tightest(count); n >= 0 {
		return []share{{n, count}}
	}
	var best []share
	least := 0
	for start, left := range o.left {
		if left == 0 {
			continue
		}
		shares := o.gather(count, func(a, b int) int {
			return cmp.Or(cmp.Compare(o.of.distance(start, a), o.of.distance(start, b)), cmp.Compare(o.left[b], o.left[a]))
		})
		if sum := o.distances(shares); best == nil || sum < least {
			best, least = shares, sum
		}
	}
	return best
}

// gather takes cores from one NUMA node after the other, in an order.
func (o *coreOffer) gather(count int, order func(a, b int) int) []share {
	nodes := make([]int, 0, len(o.left))
	for n, left := range o.left {
		if left > 0 {
			nodes = append(nodes, n)
		}
	}
	slices.SortStableFunc(nodes, order)
	var shares []share
	for _, n := range nodes {
		if some := min(count, o.left[n]); some > 0 {
			shares = append(shares, share{n, some})
			count -= some
		}
	}
	return shares
}

// distances adds up how far each core is from each other one.
func (o *coreOffer) distances(shares []share) (sum int) {
	for i, a := range shares {
		sum += a.count * (a.count - 1) / 2 * o.of.distance(a.node, a.node)
		for _, b := range shares[:i] {
			sum += a.count * b.count * o.of.distance(b.node, a.node)
		}
	}
	return sum
}

// take gives a task cores.
func (o *coreOffer) take(ask coreAsk, shares ...share) {
	grant := coreGrant{task: ask.task, cores: make([]uint16, 0, ask.count)}
	for _, s := range shares {
		free := o.free[s.node]
		for _, c := range free[:s.count] {
			grant.cores = append(grant.cores, c.id)
			grant.mhz += c.mhz
		}
		o.free[s.node], o.left[s.node] = free[s.count:], o.left[s.node]-s.count
	}
	slices.Sort(grant.cores)
	o.given = append(o.given, grant)
	o.mhz += grant.mhz
}
