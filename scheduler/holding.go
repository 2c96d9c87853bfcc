package scheduler

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// holding is what an allocation has of a node to itself, beside amounts and ports, and its
// claims on volumes. Most have nothing of the kind. It is never written to again, so that clones share it.
type holding struct {
	cores   []uint16
	devices []heldDevice
	volumes []heldVolume
}

func holdingOf(a *api.Allocation) holding {
	h := holding{volumes: heldBy(a.Namespace, a.Claims)}
	grants := a.Grants
	for i := range grants {
		h.cores = append(h.cores, grants[i].Cores...)
		for _, d := range grants[i].Devices {
			for _, id := range d.DeviceIDs {
				h.devices = append(h.devices, heldDevice{d.Vendor, d.Type, d.Name, id})
			}
		}
	}
	return h
}

func (h *holding) add(other holding) {
	h.cores = append(h.cores, other.cores...)
	h.devices = append(h.devices, other.devices...)
	h.volumes = append(h.volumes, other.volumes...)
}

// clip returns a holding to which can be added without writing to this one.
func (h holding) clip() holding {
	return holding{slices.Clip(h.cores), slices.Clip(h.devices), slices.Clip(h.volumes)}
}

func (h holding) none() bool { return len(h.cores)+len(h.devices)+len(h.volumes) == 0 }

func (h holding) equal(other holding) bool {
	return slices.Equal(h.cores, other.cores) && slices.Equal(h.devices, other.devices) && slices.Equal(h.volumes, other.volumes)
}

// hold notes what an allocation, whose entry has just been put, has to itself.
func (f *Fleet) hold(key allocationKey, slot int32, h holding) {
	if h.none() {
		return
	}
	shard := f.ownShard(key)
	if shard.holdings == nil {
		shard.holdings = map[allocationKey]holding{}
	}
	shard.holdings[key] = h
	n := f.own(slot)
	n.processors.hold(h.cores)
	n.devices.hold(h.devices)
	n.attached.hold(h.volumes)
	for _, v := range h.volumes {
		f.volumes.claim(f.mark, v, 1)
	}
}

// letGo is the inverse of hold. It does nothing if the allocation has nothing to itself.
func (f *Fleet) letGo(key allocationKey, slot int32) {
	h := f.holding(key)
	if h.none() {
		return
	}
	delete(f.ownShard(key).holdings, key)
	n := f.own(slot)
	n.processors.letGo(h.cores)
	n.devices.letGo(h.devices)
	n.attached.letGo(h.volumes)
	for _, v := range h.volumes {
		f.volumes.claim(f.mark, v, -1)
	}
}

// holding returns what an allocation has to itself.
func (f *Fleet) holding(key allocationKey) holding {
	shard := f.ledger.shard(key)
	if shard == nil {
		return holding{}
	}
	return shard.holdings[key]
}
