package scheduler

import "maps"

// evictions are the allocations that were told to end so that others have their room, and
// have not ended. They take their room until then and are no instances of their group
// any more, which has the number of those that it lost so.
type evictions struct {
	marks    map[allocationKey]eviction
	perGroup map[groupKey]int
}

// eviction is of one allocation.
type eviction struct {
	group groupKey
	// assumed says that only the fleet knows of it so far: it may be given back.
	assumed bool
}

func (e *evictions) add(key allocationKey, group groupKey, assumed bool) {
	if e.marks == nil {
		e.marks, e.perGroup = map[allocationKey]eviction{}, map[groupKey]int{}
	}
	e.marks[key] = eviction{group, assumed}
	e.perGroup[group]++
}

func (e *evictions) remove(key allocationKey) {
	mark, ok := e.marks[key]
	if !ok {
		return
	}
	delete(e.marks, key)
	if e.perGroup[mark.group]--; e.perGroup[mark.group] == 0 {
		delete(e.perGroup, mark.group)
	}
}

func (e *evictions) clone() evictions {
	return evictions{marks: maps.Clone(e.marks), perGroup: maps.Clone(e.perGroup)}
}

// Evict marks allocations as told to end for the sake of others, as Place does with those
// that it preempts. What it does not know is left out.
func (f *Fleet) Evict(ids ...string) {
	for _, id := range ids {
		key := keyOf(id)
		e, ok := f.entry(key)
		if !ok || e.group == noGroup {
			continue
		}
		group := f.groups.table.key(e.group)
		f.groups.remove(f.mark, e.group, e.slot)
		e.group = noGroup
		f.ownShard(key).entries[key] = e
		f.evictions.add(key, group, true)
	}
}

// GiveBack undoes a placement that is not committed: its room is free again, and those
// that it preempted stay, unless they have been told to end meanwhile.
func (f *Fleet) GiveBack(p Placement) {
	f.RemoveAllocation(p.AllocID)
	for _, id := range p.Preempted {
		key := keyOf(id)
		mark, ok := f.evictions.marks[key]
		if !ok || !mark.assumed {
			continue
		}
		f.evictions.remove(key)
		e, _ := f.entry(key) // marks go with entries
		e.group = f.groups.add(f.mark, mark.group, e.slot)
		f.ownShard(key).entries[key] = e
	}
}
