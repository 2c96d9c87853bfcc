package scheduler

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// ledger is who holds what, in parts by the first two bytes of the allocation's key. A
// clone of the fleet copies a part, and the page that it is on, at the first write to it: of
// 2,000,000 allocations a part has some 30, and so costs less than to place one.
type ledger [256]*ledgerPage

type ledgerPage struct {
	mark  *mark
	parts [256]*ledgerShard
}

// ledgerShard is who holds what, for a part of the allocations.
type ledgerShard struct {
	mark    *mark
	entries map[allocationKey]entry
	// ports are those of allocations that hold several. Lists are never written to
	// again, so that clones share them.
	ports     [][]heldPort
	freePorts []int32
	holdings  map[allocationKey]holding // of those that have something to themselves
}

// allocationKey is an allocation's ID in 16 bytes: the UUID that it is, or a digest.
type allocationKey [16]byte

// entry is what an allocation takes. It holds no pointers, so that millions of
// them cost the garbage collector nothing.
type entry struct {
	slot  int32 // of its node
	group int32 // noGroup if it does not count as an instance any more
	usage int32
	ports portRef
}

// portRef is the ports of an entry: none (0), one held port, or the number of a
// list in the shard, marked by the highest bit.
type portRef uint32

const portListMark portRef = 1 << 31

func keyOf(id string) allocationKey {
	var key allocationKey
	if len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-' {
		digits := make([]byte, 0, 32)
		for i := range len(id) {
			if c := id[i]; '0' <= c && c <= '9' || 'a' <= c && c <= 'f' {
				digits = append(digits, c)
			}
		}
		if n, err := hex.Decode(key[:], digits); err == nil && n == len(key) {
			return key
		}
	}
	digest := sha256.Sum256([]byte(id))
	copy(key[:], digest[:])
	return key
}

// shard returns the part of an allocation; nil if there is none yet.
func (l *ledger) shard(k allocationKey) *ledgerShard {
	if page := l[k[0]]; page != nil {
		return page.parts[k[1]]
	}
	return nil
}

// SetAllocation takes what an allocation uses from its node, or changes what it
// took before. One that is to stop still takes its room but does not count as an
// instance of its group. Call RemoveAllocation when it ended.
func (f *Fleet) SetAllocation(a *api.Allocation) {
	key := keyOf(a.ID)
	if a.NodeID == "" {
		f.remove(key)
		return
	}
	if old, ok := f.entry(key); ok {
		if f.unchanged(key, old, a) && f.evictions.marks[key] == (eviction{}) {
			return
		}
		f.remove(key)
	}
	slot := f.slot(a.NodeID)
	group := groupKey{a.Namespace, a.JobID, a.TaskGroup}
	f.put(key, slot, group, a.WantsRun(), a.Usage, f.own(slot).addresses.numberAll(a.Ports))
	f.hold(key, slot, holdingOf(a))
	if a.DesiredStatus == api.AllocDesiredEvict {
		f.evictions.add(key, group, false)
	}
}

// RemoveAllocation gives back what an allocation took.
func (f *Fleet) RemoveAllocation(id string) { f.remove(keyOf(id)) }

// Allocations returns how many allocations take something of the fleet.
func (f *Fleet) Allocations() int {
	count := 0
	for _, page := range f.ledger {
		if page == nil {
			continue
		}
		for _, shard := range page.parts {
			if shard != nil {
				count += len(shard.entries)
			}
		}
	}
	return count
}

func (f *Fleet) entry(key allocationKey) (entry, bool) {
	shard := f.ledger.shard(key)
	if shard == nil {
		return entry{}, false
	}
	e, ok := shard.entries[key]
	return e, ok
}

// unchanged reports whether an allocation takes what it took before: what the
// fleet assumed at placement comes back through the store.
func (f *Fleet) unchanged(key allocationKey, old entry, a *api.Allocation) bool {
	n := f.nodes[old.slot]
	if n.id != a.NodeID || f.usages.key(old.usage) != a.Usage || (old.group == noGroup) == a.WantsRun() {
		return false
	}
	if old.group != noGroup && f.groups.table.key(old.group) != (groupKey{a.Namespace, a.JobID, a.TaskGroup}) {
		return false
	}
	if !f.holding(key).equal(holdingOf(a)) {
		return false
	}
	ports := f.ports(key, old)
	if len(ports) != len(a.Ports) {
		return false
	}
	for i, p := range ports {
		if int(p.port()) != a.Ports[i].Value || n.addresses.ips[p.address()] != a.Ports[i].HostIP {
			return false
		}
	}
	return true
}

// put enters an allocation that has no entry.
func (f *Fleet) put(key allocationKey, slot int32, group groupKey, counts bool, usage api.Usage, ports []heldPort) {
	n := f.own(slot)
	n.used = n.used.Add(usage)
	n.allocations++
	for _, p := range ports {
		n.addresses.hold(p)
	}
	e := entry{slot: slot, group: noGroup, usage: f.usages.acquire(usage)}
	if counts {
		e.group = f.groups.add(f.mark, group, slot)
	}
	shard := f.ownShard(key)
	switch len(ports) {
	case 0:
	case 1:
		e.ports = portRef(ports[0])
	default:
		e.ports = portListMark | portRef(shard.keep(ports))
	}
	shard.entries[key] = e
}

func (f *Fleet) remove(key allocationKey) {
	e, ok := f.entry(key)
	if !ok {
		return
	}
	f.evictions.remove(key)
	n := f.own(e.slot)
	n.used = n.used.Sub(f.usages.key(e.usage))
	n.allocations--
	for _, p := range f.ports(key, e) {
		n.addresses.letGo(p)
	}
	f.usages.release(e.usage)
	if e.group != noGroup {
		f.groups.remove(f.mark, e.group, e.slot)
	}
	shard := f.ownShard(key)
	if e.ports&portListMark != 0 {
		shard.drop(int32(e.ports &^ portListMark))
	}
	delete(shard.entries, key)
	f.letGo(key, e.slot)
	if len(shard.entries) == 0 {
		f.ledger[key[0]].parts[key[1]] = nil
	}
	f.forget(e.slot)
}

// ports returns the ports that an entry holds.
func (f *Fleet) ports(key allocationKey, e entry) []heldPort {
	switch {
	case e.ports == 0:
		return nil
	case e.ports&portListMark == 0:
		return []heldPort{heldPort(e.ports)}
	}
	return f.ledger.shard(key).ports[e.ports&^portListMark]
}

func (s *ledgerShard) keep(ports []heldPort) int32 {
	if last := len(s.freePorts) - 1; last >= 0 {
		i := s.freePorts[last]
		s.freePorts = s.freePorts[:last]
		s.ports[i] = ports
		return i
	}
	s.ports = append(s.ports, ports)
	return int32(len(s.ports) - 1)
}

func (s *ledgerShard) drop(i int32) {
	s.ports[i] = nil
	s.freePorts = append(s.freePorts, i)
}

// ownShard returns the part of an allocation, which may be written.
func (f *Fleet) ownShard(key allocationKey) *ledgerShard {
	page := f.ledger[key[0]]
	switch {
	case page == nil:
		page = &ledgerPage{mark: f.mark}
		f.ledger[key[0]] = page
	case page.mark != f.mark:
		page = &ledgerPage{mark: f.mark, parts: page.parts}
		f.ledger[key[0]] = page
	}
	shard := page.parts[key[1]]
	switch {
	case shard == nil:
		shard = &ledgerShard{mark: f.mark, entries: map[allocationKey]entry{}}
		page.parts[key[1]] = shard
	case shard.mark != f.mark:
		shard = shard.clone(f.mark)
		page.parts[key[1]] = shard
	}
	return shard
}

func (s *ledgerShard) clone(m *mark) *ledgerShard {
	return &ledgerShard{
		mark:      m,
		entries:   maps.Clone(s.entries),
		ports:     slices.Clone(s.ports),
		freePorts: slices.Clone(s.freePorts),
		holdings:  maps.Clone(s.holdings),
	}
}
