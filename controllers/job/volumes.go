package job

import (
	"crypto/sha256"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/scheduler"
	"github.com/droverhq/drover/store"
)

// counted adds that a placement holds only while the volumes that it claims are as the
// engine knew them: nobody claims a volume that is being deregistered.
func (c *composer) counted(volumes []*api.CSIVolume) {
	txn := c.last()
	for _, v := range volumes {
		if unchanged := store.Unchanged(v); !slices.Contains(txn.Conditions, unchanged) {
			txn.Conditions = append(txn.Conditions, unchanged)
		}
	}
}

// remember writes on which node the sticky volumes of an instance are.
func (c *composer) remember(w *plan.Want, g *plan.Group, at *scheduler.Placement) {
	_, group := w.Spec(c.view.Job, g.Spec)
	for _, volume := range plan.StickyVolumes(group) {
		next := api.HostVolumeClaim{
			ID: claimID(at.AllocID, volume), Namespace: c.view.Req.Namespace, JobID: c.view.Req.ID, TaskGroupName: g.Name,
			Index: w.Index(), VolumeName: volume,
		}
		if had := c.view.Claim(g.Name, w.Index(), volume); had != nil {
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
