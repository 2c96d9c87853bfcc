package scheduler_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// drawPlugin lets a node run a storage plugin, in one of two zones.
func drawPlugin(t *rapid.T, n *api.Node) {
	state := rapid.IntRange(0, 5).Draw(t, "plugin")
	if state == 0 {
		return
	}
	n.CSINodePlugins = map[string]*api.CSIInfo{"p": {
		PluginID: "p", Healthy: state > 1, RequiresControllerPlugin: state == 2,
		NodeInfo: &api.CSINodeInfo{
			MaxVolumes:         int64(rapid.IntRange(0, 2).Draw(t, "max volumes")),
			AccessibleTopology: &api.CSITopology{Segments: map[string]string{"zone": fmt.Sprint(state % 2)}},
		},
	}}
	if rapid.IntRange(0, 3).Draw(t, "controller") == 0 {
		n.CSIControllerPlugins = map[string]*api.CSIInfo{"p": {PluginID: "p", Healthy: rapid.Bool().Draw(t, "well")}}
	}
}

// drawVolumes makes up to two CSI volumes.
func drawVolumes(t *rapid.T) []*api.CSIVolume {
	var out []*api.CSIVolume
	for i := range rapid.SampledFrom([]int{2, 2, 1, 0}).Draw(t, "volumes") {
		v := &api.CSIVolume{ID: fmt.Sprint("v", i), Namespace: "default", PluginID: "p", Deleting: rapid.IntRange(0, 9).Draw(t, "deleting") == 0}
		for _, mode := range api.AccessModes {
			if rapid.IntRange(0, 3).Draw(t, mode) > 0 {
				v.RequestedCapabilities = append(v.RequestedCapabilities, &api.CSIVolumeCapability{AccessMode: mode, AttachmentMode: api.AttachmentFileSystem})
			}
		}
		if zone := rapid.IntRange(0, 4).Draw(t, "zone"); zone < 2 {
			v.Topologies = []*api.CSITopology{{Segments: map[string]string{"zone": fmt.Sprint(zone)}}}
		}
		out = append(out, v)
	}
	return out
}

// TestClaimsAreThoseThatTheAccessModeAllows is about nothing else than claims: nodes have
// room for everything.
func TestClaimsAreThoseThatTheAccessModeAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, modes := &world{volumes: drawVolumes(t)}, rapid.SliceOfN(rapid.SampledFrom(api.AccessModes), 1, 2).Draw(t, "modes")
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			n := roomy(fmt.Sprint("n", i))
			drawPlugin(t, n)
			w.nodes = append(w.nodes, scheduler.NodeState{Node: n, Ready: true, Eligible: true})
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "allocations") {
			g := &api.TaskGroup{}
			drawClaims(t, g, modes...)
			w.allocations = append(w.allocations, &api.Allocation{
				ID: fmt.Sprint("old-", i), NodeID: rapid.SampledFrom(w.nodes).Draw(t, "node").Node.ID, Namespace: "default",
				JobID: "other", TaskGroup: "g", DesiredStatus: api.AllocDesiredRun, Claims: wishes(g),
			})
		}
		job := simulatedJob("job", 4)
		drawClaims(t, job.TaskGroups[0], modes...)
		w.checkAnswer(t, drawAsk(t, w, job, "new-"))
	})
}

// roomy is a node that takes whatever comes.
func roomy(id string) *api.Node {
	return &api.Node{
		ID: id, Name: id, Datacenter: "dc1", NodePool: "default",
		Attributes: map[string]string{"driver.raw_exec": "1", "kernel.name": "linux"},
		Resources: &api.NodeResources{
			Cpu: api.NodeCPUResources{CpuShares: 100_000}, Memory: api.NodeMemoryResources{MemoryMB: 100_000},
			Disk: api.NodeDiskResources{DiskMB: 1_000_000}, Processors: api.NodeProcessors{Topology: &api.NodeTopology{}},
		},
		ReservedResources: &api.NodeReservedResources{},
	}
}

// drawClaims lets a group ask for CSI volumes, in some of the modes.
func drawClaims(t *rapid.T, g *api.TaskGroup, modes ...string) {
	for i := range rapid.IntRange(1, 2).Draw(t, "claims") {
		if g.Volumes == nil {
			g.Volumes = map[string]*api.VolumeRequest{}
		}
		source := rapid.SampledFrom([]string{"v0", "v0", "v1", "v2"}).Draw(t, "source")
		g.Volumes[fmt.Sprint("csi", i)] = &api.VolumeRequest{
			Type: api.VolumeCSI, Source: source, AccessMode: rapid.SampledFrom(modes).Draw(t, "access"),
			AttachmentMode: api.AttachmentFileSystem, ReadOnly: rapid.Bool().Draw(t, "read only"),
		}
	}
}

// wishes are the claims that a group asks for, each volume once.
func wishes(g *api.TaskGroup) []api.VolumeClaim {
	var out []api.VolumeClaim
	for _, name := range []string{"csi0", "csi1"} {
		v := g.Volumes[name]
		if v == nil {
			continue
		}
		at := slices.IndexFunc(out, func(c api.VolumeClaim) bool { return c.Volume == v.Source })
		if at < 0 {
			out = append(out, api.VolumeClaim{Volume: v.Source, AccessMode: v.AccessMode, AttachmentMode: v.AttachmentMode, ReadOnly: v.ReadOnly})
		} else if !v.ReadOnly {
			out[at].ReadOnly = false
		}
	}
	return out
}

// agree reports whether two may use a volume at a time.
func agree(a, b api.VolumeClaim) bool {
	if a.Volume != b.Volume {
		return true
	}
	if a.AccessMode != b.AccessMode || a.AttachmentMode != b.AttachmentMode {
		return false
	}
	switch a.AccessMode {
	case api.AccessSingleNodeReader, api.AccessSingleNodeWriter:
		return false
	case api.AccessMultiNodeSingleWriter:
		return a.ReadOnly || b.ReadOnly
	}
	return true
}

// claimsFit reports whether a node may take an instance for what it claims. What is being
// replaced is out of the way on its own node alone.
func (w *world) claimsFit(g *api.TaskGroup, n *api.Node) bool {
	for _, wish := range wishes(g) {
		at := slices.IndexFunc(w.volumes, func(v *api.CSIVolume) bool { return v.ID == wish.Volume })
		if at < 0 || w.volumes[at].Deleting || !w.volumes[at].Allows(wish.AccessMode, wish.AttachmentMode) {
			return false
		}
		onlyRead := wish.AccessMode == api.AccessSingleNodeReader || wish.AccessMode == api.AccessMultiNodeReader
		if onlyRead && !wish.ReadOnly || !w.brings(n, w.volumes[at]) {
			return false
		}
		for _, a := range slices.Concat(w.allocations, w.ending) {
			if slices.Contains(w.ending, a) && a.NodeID == n.ID {
				continue
			}
			if slices.ContainsFunc(a.Claims, func(c api.VolumeClaim) bool { return !agree(c, wish) }) {
				return false
			}
		}
	}
	if len(wishes(g)) == 0 {
		return true
	}
	most := n.CSINodePlugins["p"].NodeInfo.MaxVolumes
	return most == 0 || int64(len(w.usedOn(n.ID, wishes(g)))) <= most
}

// brings reports whether a node can have a volume at all.
func (w *world) brings(n *api.Node, v *api.CSIVolume) bool {
	info := n.CSINodePlugins[v.PluginID]
	if info == nil || !info.Healthy {
		return false
	}
	controlled := slices.ContainsFunc(w.nodes, func(s scheduler.NodeState) bool {
		controller := s.Node.CSIControllerPlugins[v.PluginID]
		return controller != nil && controller.Healthy
	})
	if info.RequiresControllerPlugin && !controlled {
		return false
	}
	return len(v.Topologies) == 0 || v.Topologies[0].Segments["zone"] == info.NodeInfo.AccessibleTopology.Segments["zone"]
}

// usedOn returns the known volumes that are used on a node, with some more.
func (w *world) usedOn(nodeID string, more []api.VolumeClaim) map[string]bool {
	used := map[string]bool{}
	add := func(claims []api.VolumeClaim) {
		for _, c := range claims {
			if slices.ContainsFunc(w.volumes, func(v *api.CSIVolume) bool { return v.ID == c.Volume }) {
				used[c.Volume] = true
			}
		}
	}
	for _, a := range w.on(nodeID) {
		add(a.Claims)
	}
	add(more)
	return used
}

// checkClaims holds what a placement claims against what it asks for and what others claim.
func (w *world) checkClaims(t *rapid.T, g *api.TaskGroup, p scheduler.Placement) {
	if want := wishes(g); !slices.Equal(want, p.Claims()) {
		t.Fatalf("%s claims %+v, want %+v", p.AllocID, p.Claims(), want)
	}
	for _, a := range w.allocations {
		for _, theirs := range a.Claims {
			if a.ID != p.AllocID && slices.ContainsFunc(p.Claims(), func(ours api.VolumeClaim) bool { return !agree(ours, theirs) }) {
				t.Fatalf("%s claims %+v, but %s claims %+v", p.AllocID, p.Claims(), a.ID, theirs)
			}
		}
	}
}
