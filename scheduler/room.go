package scheduler

import "github.com/droverhq/drover/api"

// Room returns about how many further instances of what is asked for a node would take now,
// if those stopped that are freed, or may be preempted: 0 exactly if it would take none,
// and otherwise at least 1. More than one may be too many, because only the first is
// judged by all rules. Ask.Count and Ask.IDs do not matter.
func (f *Fleet) Room(ask Ask, nodeID string) int {
	slot, known := f.slots[nodeID]
	if !known {
		return 0
	}
	p := f.newPlacing(&ask)
	if p.unavailable(slot, known) != "" || p.request.excludes(f.nodes[slot].facts) != "" {
		return 0
	}
	c := p.candidate(slot)
	var t tally
	if p.judge(&c, &t); c.out {
		return p.roomByEviction(&c)
	}
	fits := 1
	if len(p.request.ports) == 0 && p.crowd == nil && len(p.properties)+len(p.request.volumes) == 0 {
		fits = max(1, timesIn(c.free, c.asked))
	}
	if c.places != noLimit {
		fits = min(fits, c.places)
	}
	return fits
}

// timesIn returns how often an amount of resources is in another; 0 if it is nothing.
func timesIn(free, asked api.Usage) int {
	times := int64(-1)
	for _, r := range [...][2]int64{
		{free.CPU, asked.CPU}, {free.Cores, asked.Cores}, {free.MemoryMB, asked.MemoryMB}, {free.DiskMB, asked.DiskMB},
	} {
		if r[1] > 0 && (times < 0 || r[0]/r[1] < times) {
			times = r[0] / r[1]
		}
	}
	return int(max(0, times))
}
