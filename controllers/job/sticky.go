package job

import (
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// stickyVolumes returns the names of the host volumes to which an instance of a group, as
// it is for that instance, comes back.
func stickyVolumes(g *api.TaskGroup) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(g.Volumes)) {
		if v := g.Volumes[name]; v.Sticky && v.Type == api.VolumeHost {
			names = append(names, v.Source)
		}
	}
	return names
}

// claim returns what is remembered of a volume of an instance, or nil.
func (v *view) claim(group string, index int, volume string) *api.HostVolumeClaim {
	for _, c := range v.claims {
		if c.TaskGroupName == group && c.Index == index && c.VolumeName == volume {
			return c
		}
	}
	return nil
}

// bringHome says which wants may only go to the node where a volume of theirs is. One that
// was on a node which is gone for good is forgotten.
func (p *plan) bringHome(v *view, snap store.Snapshot) {
	if len(v.claims) == 0 {
		return
	}
	for _, g := range p.groups {
		for i := range g.wants {
			w := &g.wants[i]
			_, group := w.spec(v.job, g.group)
			for _, volume := range stickyVolumes(group) {
				c := v.claim(g.name, w.index(), volume)
				if c == nil {
					continue
				}
				if _, ok := snap.Get(api.Key{Kind: api.KindNode, ID: c.VolumeID}); ok {
					w.home = c.VolumeID
					break
				}
			}
		}
	}
}

// remember writes on which node the sticky volumes of an instance are.
func (c *composer) remember(w *want, g *groupPlan, at *scheduler.Placement) {
	_, group := w.spec(c.view.job, g.group)
	for _, volume := range stickyVolumes(group) {
		next := api.HostVolumeClaim{
			ID: claimID(at.AllocID, volume), Namespace: c.view.req.Namespace, JobID: c.view.req.ID, TaskGroupName: g.name,
			Index: w.index(), VolumeName: volume,
		}
		if had := c.view.claim(g.name, w.index(), volume); had != nil {
			next = *had
		}
		next.AllocID, next.VolumeID = at.AllocID, at.NodeID
		c.put(&next)
	}
}

// claimID returns the ID of the claim that is made with an allocation.
func claimID(allocID, volume string) string {
	digest := sha256.Sum256([]byte(allocID + "\x00" + volume))
	return formatID([16]byte(digest[:16]))
}

// onClaim wakes a job whose instance may go elsewhere from now on.
func onClaim(_ store.Snapshot, c store.Change) []reconcile.Request {
	old, ok := c.Old.(*api.HostVolumeClaim)
	if !ok || c.New != nil {
		return nil
	}
	return []reconcile.Request{{Namespace: old.Namespace, ID: old.JobID}}
}

// bereft returns the jobs in line that wait for a node which is gone.
func (f *fleet) bereft(node string) []reconcile.Request {
	var woken []reconcile.Request
	for req, w := range f.line.waiting {
		if slices.ContainsFunc(w.needs, func(n need) bool { return n.nodes[node] && !n.job.IsSystem() }) {
			woken = append(woken, req)
		}
	}
	slices.SortFunc(woken, reconcile.Request.Compare)
	return woken
}
