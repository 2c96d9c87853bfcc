package sim

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// plugin is the storage plugin that every node runs. Each rack is a zone of it.
const plugin = "ebs"

// volume registers a CSI volume, or forgets it: volume v1 [zone=a] | volume v1 off [force].
func (w *World) volume(o Op) bool {
	path := "volume/csi/" + url.PathEscape(o.target())
	if o.has("off") {
		if o.has("force") {
			path += "?force=true"
		}
		return w.ask(http.MethodDelete, path, nil)
	}
	v := &api.CSIVolume{ID: o.target(), ExternalID: o.target(), PluginID: plugin}
	for _, mode := range api.AccessModes {
		v.RequestedCapabilities = append(v.RequestedCapabilities, &api.CSIVolumeCapability{AccessMode: mode, AttachmentMode: api.AttachmentFileSystem})
	}
	if zone := o.value("zone"); zone != "" {
		v.Topologies = []*api.CSITopology{{Segments: map[string]string{"zone": zone}}}
	}
	return w.ask(http.MethodPut, path, api.CSIVolumesRequest{Volumes: []*api.CSIVolume{v}})
}

// forgetVolumes forgets all volumes that nobody uses.
func (w *World) forgetVolumes() {
	for _, id := range slices.Sorted(maps.Keys(w.model.volumes)) {
		w.volume(Op{Args: []string{id, "off"}})
	}
}

// detach ends the claims on a volume of what does not run any more on a node: detach v1 n1.
func (w *World) detach(o Op) bool {
	return w.ask(http.MethodDelete, "volume/csi/"+url.PathEscape(o.target())+"/detach?node="+nodeID(o.Args[1]), nil)
}

// pluginsOf returns what a node of a rack says of storage plugins.
func pluginsOf(rack string) map[string]*api.CSIInfo {
	return map[string]*api.CSIInfo{plugin: {
		PluginID: plugin, Healthy: true,
		NodeInfo: &api.CSINodeInfo{AccessibleTopology: &api.CSITopology{Segments: map[string]string{"zone": rack}}},
	}}
}

// claimOf has a group ask for a CSI volume: csi=single-node-writer[,ro]. Where one instance
// can have it so, each of several has its own.
func claimOf(o Op, g *api.TaskGroup) map[string]*api.VolumeRequest {
	if o.value("csi") == "" {
		return nil
	}
	mode, readOnly := strings.CutSuffix(o.value("csi"), ",ro")
	v := &api.VolumeRequest{
		Name: "data", Type: api.VolumeCSI, Source: "v1", AccessMode: mode, AttachmentMode: api.AttachmentFileSystem, ReadOnly: readOnly,
	}
	if v.ClaimedAlone() && api.Deref(g.Count) > 1 {
		v.Source, v.PerAlloc = "own", true
	}
	return map[string]*api.VolumeRequest{v.Name: v}
}

// claimsAreKept: what is placed claims of volumes what their access mode allows besides
// those that have not ended. Only who comes to the same node may have the claim of whom he
// follows, or who was preempted for him.
func claimsAreKept(m *model, changes []change) error {
	for _, a := range created(changes) {
		for _, c := range a.Claims {
			for _, other := range m.alloc {
				if other.ID == a.ID || other.Namespace != a.Namespace || other.ended() || a.NodeID == other.NodeID && makesWay(other.Allocation, a) {
					continue
				}
				if i := slices.IndexFunc(other.Claims, func(theirs api.VolumeClaim) bool { return !compatible(c, theirs) }); i >= 0 {
					return fmt.Errorf("%s (%s) claims %s as %s while %s (%s) claims it as %s", a.Name, short(a.ID), c.Volume, c.AccessMode,
						other.Name, short(other.ID), other.Claims[i].AccessMode)
				}
			}
		}
	}
	return nil
}

// makesWay reports whether an allocation ends before another one begins, which is on its
// node.
func makesWay(a, next *api.Allocation) bool {
	return a.NextAllocation == next.ID || slices.Contains(next.PreemptedAllocations, a.ID)
}

// compatible reports whether both claims can be held at a time.
func compatible(a, b api.VolumeClaim) bool {
	if a.Volume != b.Volume {
		return true
	}
	return a.AccessMode == b.AccessMode && a.AttachmentMode == b.AttachmentMode && (!a.Exclusive() || !b.Exclusive()) &&
		a.AccessMode != api.AccessSingleNodeReader && a.AccessMode != api.AccessSingleNodeWriter
}

// volumesStayWhileUsed: a volume is not forgotten while what is to run claims it, nor is
// anything placed that claims one that is not there, or is about to go.
func volumesStayWhileUsed(m *model, changes []change) error {
	for _, a := range created(changes) {
		for _, c := range a.Claims {
			if v := m.volumes[c.Volume]; v == nil || v.Deleting {
				return fmt.Errorf("%s (%s) claims %s, which is not there, or about to go", a.Name, short(a.ID), c.Volume)
			}
		}
	}
	for _, c := range changes {
		if c.key.Kind != api.KindCSIVolume || c.new != nil {
			continue
		}
		for _, a := range m.alloc {
			if a.live() && slices.ContainsFunc(a.Claims, func(claim api.VolumeClaim) bool { return claim.Volume == c.key.ID }) {
				return fmt.Errorf("%s is forgotten while %s (%s) claims it", c.key.ID, a.Name, short(a.ID))
			}
		}
	}
	return nil
}
