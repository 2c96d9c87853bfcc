package sim

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/droverhq/drover/api"
)

// hostVolume is what every node offers.
const hostVolume = "data"

// stickyOf has a group ask for a host volume to which its instances come back: sticky.
func stickyOf(o Op) map[string]*api.VolumeRequest {
	if !o.has("sticky") {
		return nil
	}
	return map[string]*api.VolumeRequest{"home": {Name: "home", Type: api.VolumeHost, Source: hostVolume, Sticky: true}}
}

// unstick lets the instances of a job go elsewhere: unstick s1.
func (w *World) unstick(o Op) bool {
	did := false
	for _, id := range slices.Sorted(maps.Keys(w.model.claims)) {
		if w.model.claims[id].JobID == o.target() {
			did = w.ask(http.MethodDelete, "volumes/claim/"+url.PathEscape(id), nil) || did
		}
	}
	return did
}

// stickyVolumesAreFoundAgain: with whatever is placed that has a sticky volume it is
// written on which node that is, and that is the node of whom it follows, unless this is
// gone.
func stickyVolumesAreFoundAgain(m *model, changes []change) error {
	claimed := make(map[string]bool)
	for _, c := range changes {
		claim, ok := c.new.(*api.HostVolumeClaim)
		if !ok {
			continue
		}
		claimed[claim.AllocID] = true
		old, had := c.old.(*api.HostVolumeClaim)
		if !had || old.VolumeID == claim.VolumeID {
			continue
		}
		if n := m.nodeOf(old.VolumeID).node; n != nil && n.CreateIndex <= m.world.basis {
			return fmt.Errorf("%s.%s[%d] was on %s, where its volume is, and comes to %s", claim.JobID, claim.TaskGroupName, claim.Index, old.VolumeID, claim.VolumeID)
		}
	}
	for _, a := range created(changes) {
		v := m.jobOf(a.JobID).versions[a.JobVersion]
		if v == nil || v.Job.Group(a.TaskGroup) == nil {
			continue
		}
		if home := v.Job.Group(a.TaskGroup).Volumes["home"]; home != nil && !claimed[a.ID] {
			return fmt.Errorf("%s (%s) has a volume, and nobody remembers where", a.Name, short(a.ID))
		}
	}
	return nil
}
