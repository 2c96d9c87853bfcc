package scheduler

import (
	"cmp"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// exhaustedDevices says that those that are free will not do.
const exhaustedDevices = "devices: no devices match request"

// heldDevice is a device of a node.
type heldDevice struct{ vendor, kind, name, id string }

// devices is who has which devices of a node: how many allocations do. One that stops
// and the one that follows it may both.
type devices map[heldDevice]int

func (d *devices) hold(list []heldDevice) {
	for _, one := range list {
		if *d == nil {
			*d = devices{}
		}
		(*d)[one]++
	}
}

func (d devices) letGo(list []heldDevice) {
	for _, one := range list {
		if d[one]--; d[one] <= 0 {
			delete(d, one)
		}
	}
}

func (d devices) clone() devices { return maps.Clone(d) }

// deviceOffer is devices of one node that fit together: for each ask, of one kind.
type deviceOffer struct {
	asks    []deviceAsk
	groups  []deviceGroup
	options [][]option // by ask, the best first
	tries   int        // of a search that may go on

	// best is the choice with the greatest sum of weights so far, by ask, and the owners
	// of the devices then, by group.
	best   []int
	owners [][]int
	// weight is the sum of the weights of the affinities that are met, of total without
	// their signs.
	weight, total float64
}

// deviceGroup is the devices of one kind of a node.
type deviceGroup struct {
	facts *api.NodeDeviceResource
	free  []string // IDs of those that are healthy and that nobody has
	owner []int    // by free: the ask that it is given to, or −1
}

// option is devices that an ask may be given.
type option struct {
	group  int
	weight float64
}

// assign finds devices for all asks, those with the greatest sum of weights, and of
// equal ones those of which the fewest are free; or says that there are none. freed are
// devices that others give back in the same transaction.
func (o *deviceOffer) assign(n *api.Node, held devices, freed []heldDevice, asks []deviceAsk) (exhausted string) {
	*o = deviceOffer{asks: asks, tries: maxTries}
	if len(asks) == 0 {
		return ""
	}
	o.look(n, held, freed)
	for i := range asks {
		options := o.optionsOf(&asks[i])
		if len(options) == 0 {
			return exhaustedDevices
		}
		o.options = append(o.options, options)
		for _, weight := range asks[i].weights {
			o.total += max(weight, -weight)
		}
	}
	if o.search(make([]int, 0, len(asks)), 0); o.best == nil {
		return exhaustedDevices
	}
	return ""
}

// look finds out which devices are free.
func (o *deviceOffer) look(n *api.Node, held devices, freed []heldDevice) {
	if n.Resources == nil {
		return
	}
	for _, d := range n.Resources.Devices {
		g := deviceGroup{facts: d}
		for _, instance := range d.Instances {
			one := heldDevice{d.Vendor, d.Type, d.Name, instance.ID}
			holders := held[one]
			for _, f := range freed {
				if f == one {
					holders--
				}
			}
			if instance.Healthy && holders <= 0 {
				g.free, g.owner = append(g.free, instance.ID), append(g.owner, nobody)
			}
		}
		o.groups = append(o.groups, g)
	}
}

const nobody = -1

// optionsOf returns the groups of which an ask may have devices, the best first.
func (o *deviceOffer) optionsOf(ask *deviceAsk) []option {
	var options []option
	for j := range o.groups {
		g := &o.groups[j]
		if len(g.free) >= ask.count && ask.suits(g.facts) {
			options = append(options, option{j, ask.score(g.facts)})
		}
	}
	slices.SortStableFunc(options, func(a, b option) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(len(o.groups[a.group].free), len(o.groups[b.group].free)))
	})
	return options
}

// search goes through all choices, and leaves out those that can't be better than the
// best so far.
func (o *deviceOffer) search(chosen []int, weight float64) {
	i := len(chosen)
	if i == len(o.asks) {
		if o.best == nil || weight > o.weight {
			o.best, o.weight, o.owners = slices.Clone(chosen), weight, nil
			for j := range o.groups {
				o.owners = append(o.owners, slices.Clone(o.groups[j].owner))
			}
		}
		return
	}
	most := weight // that is still possible
	for _, options := range o.options[i+1:] {
		most += options[0].weight
	}
	for _, option := range o.options[i] {
		if o.tries--; o.tries < 0 || o.best != nil && most+option.weight <= o.weight {
			return
		}
		g := &o.groups[option.group]
		before := slices.Clone(g.owner)
		if o.give(i, g) {
			o.search(append(chosen, option.group), weight+option.weight)
		}
		g.owner = before
	}
}

// give gives an ask devices of a group. Others of the group may get other devices of it
// instead.
func (o *deviceOffer) give(ask int, g *deviceGroup) bool {
	for range o.asks[ask].count {
		if !o.giveOne(ask, g, make([]bool, len(g.free))) {
			return false
		}
	}
	return true
}

// giveOne finds one more device for an ask, by an augmenting path
// (https://en.wikipedia.org/wiki/Augmenting_path).
func (o *deviceOffer) giveOne(ask int, g *deviceGroup, seen []bool) bool {
	for k, id := range g.free {
		if seen[k] || g.owner[k] == ask || !o.asks[ask].takes(g.facts, id) {
			continue
		}
		seen[k] = true
		if g.owner[k] == nobody || o.giveOne(g.owner[k], g, seen) {
			g.owner[k] = ask
			return true
		}
	}
	return false
}

// given returns the devices of a task, in the order in which it asks.
func (o *deviceOffer) given(task string) []*api.AllocatedDeviceResource {
	var list []*api.AllocatedDeviceResource
	for i, j := range o.best {
		if o.asks[i].task != task {
			continue
		}
		g := &o.groups[j]
		got := &api.AllocatedDeviceResource{Vendor: g.facts.Vendor, Type: g.facts.Type, Name: g.facts.Name}
		for k, owner := range o.owners[j] {
			if owner == i {
				got.DeviceIDs = append(got.DeviceIDs, g.free[k])
			}
		}
		list = append(list, got)
	}
	return list
}
