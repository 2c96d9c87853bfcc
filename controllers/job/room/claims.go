package room

import (
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// A claim on a CSI volume is room that is on no node: what allocations have of it is
// counted by the engine, like cores, and is free when they have ended. So those who wait
// for one stand in the same line, in which a volume gains room as nodes do. Its name there
// is that of its key.

// isVolume reports whether a name in the line is that of a volume.
func isVolume(name string) bool { return strings.HasPrefix(name, string(api.KindCSIVolume)+"/") }

// loadVolumes adds the volumes of a snapshot.
func (f *Fleet) loadVolumes(snap store.Snapshot) {
	for v := range store.List[*api.CSIVolume](snap, store.Query{}) {
		f.engine.SetVolume(v)
	}
}

// VolumeChanged follows a change of a CSI volume, and returns the jobs that may claim it now.
func (f *Fleet) VolumeChanged(snap store.Snapshot, c store.Change) []reconcile.Request {
	v, ok := store.Get[*api.CSIVolume](snap, c.Key)
	if !ok {
		f.engine.RemoveVolume(c.Key.Namespace, c.Key.ID)
		delete(f.line.gains, c.Key.String())
		return f.offerLate(snap, nil)
	}
	f.engine.SetVolume(v)
	return f.offerLate(snap, f.offer(snap, c.Key.String(), nil))
}

// noteUnclaimed has the volumes offered that an allocation claimed and does no longer.
func (f *Fleet) noteUnclaimed(id string, claimed []api.Key) {
	if len(claimed) == 0 {
		return
	}
	left := f.engine.Claims(id)
	for _, key := range claimed {
		if !slices.Contains(left, key) {
			f.late = append(f.late, key.String())
		}
	}
}

// noteControllers has the volumes offered whose plugins' controllers may be well now: they
// are needed wherever such a volume is used.
func (f *Fleet) noteControllers(snap store.Snapshot, c store.Change) {
	before, _ := c.Old.(*api.Node)
	after, _ := c.New.(*api.Node)
	if before == nil && after == nil {
		return
	}
	if healthy := controls(after); len(healthy) > 0 && !maps.Equal(healthy, controls(before)) {
		for v := range store.List[*api.CSIVolume](snap, store.Query{}) {
			if healthy[v.PluginID] {
				f.late = append(f.late, v.Key().String())
			}
		}
	}
}

// controls returns the plugins of which a node, which may be nil, has a healthy controller.
func controls(n *api.Node) map[string]bool {
	healthy := make(map[string]bool)
	if n == nil {
		return healthy
	}
	for id, info := range n.CSIControllerPlugins {
		if info != nil && info.Healthy {
			healthy[id] = true
		}
	}
	return healthy
}

// takes is 1 if an instance of what is waited for asks for a volume, and may claim it and
// all others that it asks for; else 0.
func (f *Fleet) takes(n *need, volume string) int {
	for _, key := range f.engine.MayClaim(n.job, n.group) {
		if key.String() == volume {
			return 1
		}
	}
	return 0
}

// asksFor returns the first of some jobs that have been woken that asks for a volume; nil:
// none does, or it is no volume.
func (f *Fleet) asksFor(volume string, woken []reconcile.Request) *reconcile.Request {
	if !isVolume(volume) {
		return nil
	}
	for i := range woken {
		o := f.line.offered[woken[i]]
		if o != nil && slices.ContainsFunc(o.needs, func(n need) bool { return f.takes(&n, volume) > 0 }) {
			return &woken[i]
		}
	}
	return nil
}
