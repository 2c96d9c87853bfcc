package scheduler_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// world is a fleet in the plainest form: lists that are gone through again for
// every question. The scheduler must agree with it.
type world struct {
	nodes       []scheduler.NodeState
	allocations []*api.Allocation
	volumes     []*api.CSIVolume
	// ending are allocations that end in the transaction that is being made.
	ending []*api.Allocation
}

func (w *world) fleet() *scheduler.Fleet {
	f := scheduler.NewFleet()
	for _, n := range w.nodes {
		f.SetNode(n)
	}
	for _, v := range w.volumes {
		f.SetVolume(v)
	}
	for _, a := range w.allocations {
		f.SetAllocation(a)
	}
	return f
}

func (w *world) node(id string) *api.Node {
	for _, n := range w.nodes {
		if n.Node.ID == id {
			return n.Node
		}
	}
	return nil
}

func (w *world) on(nodeID string) []*api.Allocation {
	var out []*api.Allocation
	for _, a := range w.allocations {
		if a.NodeID == nodeID {
			out = append(out, a)
		}
	}
	return out
}

func (w *world) without(ids []string) *world {
	left := &world{nodes: w.nodes, volumes: w.volumes}
	for _, a := range w.allocations {
		if !slices.Contains(ids, a.ID) {
			left.allocations = append(left.allocations, a)
		}
	}
	return left
}

// replacing is without, in a transaction that is not committed.
func (w *world) replacing(ids []string) *world {
	left := w.without(ids)
	for _, a := range w.allocations {
		if slices.Contains(ids, a.ID) {
			left.ending = append(left.ending, a)
		}
	}
	return left
}

func (w *world) used(nodeID string) api.Usage {
	var sum api.Usage
	for _, a := range w.on(nodeID) {
		sum = sum.Add(a.Usage)
	}
	return sum
}

// holders returns how many allocations hold a port of a node.
func (w *world) holders(nodeID string, port int) int {
	holders := 0
	for _, a := range w.on(nodeID) {
		for _, p := range a.Ports {
			if p.Value == port {
				holders++
			}
		}
	}
	return holders
}

// apply enters placements.
func (w *world) apply(job *api.Job, placed ...scheduler.Placement) {
	for _, p := range placed {
		w.allocations = append(w.allocations, &api.Allocation{
			ID: p.AllocID, NodeID: p.NodeID, Namespace: *job.Namespace, JobID: *job.ID, TaskGroup: *job.TaskGroups[0].Name,
			DesiredStatus: api.AllocDesiredRun, Usage: p.Usage, Ports: p.Ports, Grants: p.Grants, Claims: p.Claims(),
		})
	}
}

// instances counts the job's instances on nodes of which ok holds.
func (w *world) instances(job *api.Job, ok func(*api.Node) bool) int {
	count := 0
	for _, a := range w.allocations {
		n := w.node(a.NodeID)
		if a.JobID == *job.ID && a.WantsRun() && n != nil && ok(n) {
			count++
		}
	}
	return count
}

// fits reports whether an instance of the job's group may go to a node now.
func (w *world) fits(job *api.Job, s scheduler.NodeState) bool {
	n, g := s.Node, job.TaskGroups[0]
	if !s.Ready || !s.Eligible {
		return false
	}
	for _, c := range slices.Concat(job.Constraints, g.Constraints) {
		rack, hasRack := n.Meta["rack"]
		switch c.Operand {
		case "!=":
			if rack == c.RTarget {
				return false
			}
		case "distinct_hosts":
			if w.instances(job, func(other *api.Node) bool { return other == n }) > 0 {
				return false
			}
		case "distinct_property":
			limit, _ := strconv.Atoi(c.RTarget)
			same := w.instances(job, func(other *api.Node) bool { return other.Meta["rack"] == rack })
			if !hasRack || same >= limit {
				return false
			}
		}
	}
	if n.NodeMaxAllocs > 0 && len(w.on(n.ID)) >= n.NodeMaxAllocs {
		return false
	}
	after := w.used(n.ID).Add(asked(g, n))
	if after.CPU > n.Resources.Cpu.CpuShares || after.MemoryMB > n.Resources.Memory.MemoryMB || after.DiskMB > n.Resources.Disk.DiskMB {
		return false
	}
	for _, v := range g.Volumes {
		if v.Type == api.VolumeCSI {
			continue
		}
		if offered := n.HostVolumes[v.Source]; offered == nil || offered.ReadOnly && !v.ReadOnly {
			return false
		}
	}
	if !w.claimsFit(g, n) {
		return false
	}
	if fit, _ := w.coresFit(g, n); !fit {
		return false
	}
	if fit, _, _ := w.devicesFit(g, n); !fit {
		return false
	}
	return w.portsFit(g, n)
}

func (w *world) portsFit(g *api.TaskGroup, n *api.Node) bool {
	if len(g.Networks) == 0 {
		return true
	}
	taken := map[int]bool{}
	for _, p := range g.Networks[0].ReservedPorts {
		if w.holders(n.ID, p.Value) > 0 || reservedPort(n, p.Value) {
			return false
		}
		taken[p.Value] = true
	}
	free := 0
	for port := n.Resources.MinDynamicPort; port <= n.Resources.MaxDynamicPort; port++ {
		if w.holders(n.ID, port) == 0 && !reservedPort(n, port) && !taken[port] {
			free++
		}
	}
	return free >= len(g.Networks[0].DynamicPorts)
}

func reservedPort(n *api.Node, port int) bool {
	return strconv.Itoa(port) == n.ReservedResources.Networks.ReservedHostPorts
}

// rank works out by what a node is compared with others: the score with the part for bin
// packing in steps, which is nothing for a node that is empty.
func (w *world) rank(ask scheduler.Ask, n *api.Node) float64 {
	if ask.Policy.Spread {
		return w.score(ask, n)
	}
	parts := w.parts(ask, n)
	if parts[0] = 0.2 * (1 + math.Floor(parts[0]/0.2)); len(w.on(n.ID)) == 0 {
		parts[0] = 0
	}
	return average(parts)
}

// score works out the score of a node as the documentation has it.
func (w *world) score(ask scheduler.Ask, n *api.Node) float64 { return average(w.parts(ask, n)) }

func average(parts []float64) float64 {
	sum := 0.0
	for _, part := range parts {
		sum += part
	}
	return sum / float64(len(parts))
}

// parts are the parts of a score that count, that for the fit first.
func (w *world) parts(ask scheduler.Ask, n *api.Node) []float64 {
	job, g := ask.Job, ask.Group
	after := w.used(n.ID).Add(asked(g, n))
	free := func(used, room int64) float64 { return 1 - float64(used)/float64(room) }
	pack := 20 - math.Pow(10, free(after.CPU, n.Resources.Cpu.CpuShares)) - math.Pow(10, free(after.MemoryMB, n.Resources.Memory.MemoryMB))
	if ask.Policy.Spread {
		pack = math.Pow(10, free(after.CPU, n.Resources.Cpu.CpuShares)) + math.Pow(10, free(after.MemoryMB, n.Resources.Memory.MemoryMB)) - 2
	}
	parts := []float64{math.Max(0, math.Min(18, pack)) / 18}
	if here := w.instances(job, func(other *api.Node) bool { return other == n }); here > 0 {
		parts = append(parts, -float64(here+1)/float64(*g.Count))
	}
	if slices.Contains(ask.PenaltyNodes, n.ID) {
		parts = append(parts, -1)
	}
	if len(g.Affinities) > 0 {
		sum, total := 0.0, 0.0
		for _, a := range g.Affinities {
			total += math.Abs(float64(*a.Weight))
			if n.Meta["rack"] == a.RTarget {
				sum += float64(*a.Weight)
			}
		}
		parts = append(parts, sum/total)
	}
	if numa, counts := w.numaScore(g, n); counts {
		parts = append(parts, numa)
	}
	if _, devices, counts := w.devicesFit(g, n); counts {
		parts = append(parts, devices)
	}
	if spread := w.spread(job, n); spread != 0 {
		parts = append(parts, spread)
	}
	return parts
}

func (w *world) spread(job *api.Job, n *api.Node) float64 {
	g, sum, weights := job.TaskGroups[0], 0.0, 0.0
	for _, s := range g.Spreads {
		weights += float64(*s.Weight)
	}
	rack, hasRack := n.Meta["rack"]
	for _, s := range g.Spreads {
		switch {
		case !hasRack:
			sum--
		case len(s.SpreadTarget) == 0:
			sum += w.evenness(job, rack)
		default:
			sum += w.shareLeft(job, s, rack, float64(*s.Weight)/weights)
		}
	}
	return sum
}

func (w *world) evenness(job *api.Job, rack string) float64 {
	perRack := map[string]int{}
	for i := range racks {
		r := fmt.Sprint("r", i)
		if used := w.instances(job, func(n *api.Node) bool { return n.Meta["rack"] == r }); used > 0 {
			perRack[r] = used
		}
	}
	if len(perRack) == 0 {
		return 0
	}
	fewest, most := math.MaxInt, 0
	for _, used := range perRack {
		fewest, most = min(fewest, used), max(most, used)
	}
	switch used := perRack[rack]; {
	case used != fewest:
		return float64(fewest-used) / float64(fewest)
	case fewest == most:
		return -1
	}
	return float64(most-fewest) / float64(fewest)
}

func (w *world) shareLeft(job *api.Job, s *api.Spread, rack string, share float64) float64 {
	percent, named, left := 0.0, map[string]bool{}, 100.0
	for _, t := range s.SpreadTarget {
		named[t.Value] = true
		left -= float64(t.Percent)
		if t.Value == rack {
			percent = float64(t.Percent)
		}
	}
	used := w.instances(job, func(n *api.Node) bool { return n.Meta["rack"] == rack })
	if !named[rack] {
		percent = left
		used = w.instances(job, func(n *api.Node) bool {
			r, ok := n.Meta["rack"]
			return ok && !named[r]
		})
	}
	wanted := percent / 100 * float64(*job.TaskGroups[0].Count)
	if wanted == 0 {
		return -1
	}
	return (wanted - float64(used+1)) / wanted * share
}

// racks is how many values the meta "rack" has.
const racks = 3

func drawNode(t *rapid.T, id string) scheduler.NodeState {
	n := &api.Node{
		ID: id, Name: id, Datacenter: "dc1", NodePool: "default",
		Attributes: map[string]string{"driver.raw_exec": "1"},
		Meta:       map[string]string{},
		Resources: &api.NodeResources{
			Cpu:            api.NodeCPUResources{CpuShares: int64(rapid.IntRange(3, 10).Draw(t, "cpu") * 100)},
			Memory:         api.NodeMemoryResources{MemoryMB: int64(rapid.IntRange(3, 10).Draw(t, "mem") * 100)},
			Disk:           api.NodeDiskResources{DiskMB: int64(rapid.IntRange(3, 10).Draw(t, "disk") * 100)},
			Networks:       []*api.NodeNetworkInfo{{Mode: "host", IP: "10.0.0.1"}},
			MinDynamicPort: 20000,
			MaxDynamicPort: 20000 + rapid.IntRange(0, 70).Draw(t, "ports"),
		},
		ReservedResources: &api.NodeReservedResources{},
	}
	if rack := rapid.IntRange(0, racks).Draw(t, "rack"); rack < racks {
		n.Meta["rack"] = fmt.Sprint("r", rack)
	}
	if rapid.Bool().Draw(t, "reserve") {
		n.ReservedResources.Networks.ReservedHostPorts = strconv.Itoa(20000 + rapid.IntRange(0, 2).Draw(t, "reserved"))
	}
	if volume := rapid.IntRange(0, 2).Draw(t, "volume"); volume > 0 {
		n.HostVolumes = map[string]*api.HostVolumeInfo{"data": {ReadOnly: volume == 1}}
	}
	drawTopology(t, n)
	drawDevices(t, n)
	drawPlugin(t, n)
	n.NodeMaxAllocs = rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "max")
	usually := rapid.SampledFrom([]bool{true, true, true, true, false})
	return scheduler.NodeState{Node: n, Ready: usually.Draw(t, "ready"), Eligible: usually.Draw(t, "eligible")}
}

func drawJob(t *rapid.T, id string) *api.Job {
	g := &api.TaskGroup{
		Name: new("g"), Count: new(rapid.IntRange(1, 8).Draw(t, "count")),
		EphemeralDisk: &api.EphemeralDisk{SizeMB: new(rapid.IntRange(0, 300).Draw(t, "disk"))},
		Tasks: []*api.Task{{Name: "t", Driver: "raw_exec", Resources: &api.Resources{
			CPU:      new(rapid.IntRange(0, 300).Draw(t, "cpu")),
			MemoryMB: new(rapid.IntRange(0, 300).Draw(t, "mem")),
		}}},
	}
	job := &api.Job{
		ID: &id, Namespace: new("default"), Datacenters: []string{"*"}, TaskGroups: []*api.TaskGroup{g},
	}
	if volume := rapid.IntRange(0, 9).Draw(t, "volume"); volume < 2 {
		g.Volumes = map[string]*api.VolumeRequest{"v": {Type: api.VolumeHost, Source: "data", ReadOnly: volume == 0}}
	}
	drawCores(t, g)
	drawDeviceAsk(t, g)
	if rapid.IntRange(0, 2).Draw(t, "csi") == 0 {
		drawClaims(t, g, api.AccessModes...)
	}
	rarely := rapid.IntRange(0, 3)
	if rarely.Draw(t, "static") == 0 {
		g.Networks = []*api.NetworkResource{{ReservedPorts: []api.Port{{Label: "s", Value: 20001}}}}
	}
	if dynamic := rarely.Draw(t, "dynamic"); dynamic > 1 {
		if g.Networks == nil {
			g.Networks = []*api.NetworkResource{{}}
		}
		for i := range dynamic - 1 {
			g.Networks[0].DynamicPorts = append(g.Networks[0].DynamicPorts, api.Port{Label: fmt.Sprint("d", i)})
		}
	}
	const rack = "${meta.rack}"
	if rarely.Draw(t, "constraint") == 0 {
		job.Constraints = append(job.Constraints, &api.Constraint{LTarget: rack, Operand: "!=", RTarget: "r0"})
	}
	if rarely.Draw(t, "distinct hosts") == 0 {
		g.Constraints = append(g.Constraints, &api.Constraint{Operand: "distinct_hosts"})
	}
	if rarely.Draw(t, "distinct property") == 0 {
		limit := strconv.Itoa(rapid.IntRange(1, 3).Draw(t, "limit"))
		g.Constraints = append(g.Constraints, &api.Constraint{LTarget: rack, Operand: "distinct_property", RTarget: limit})
	}
	if rarely.Draw(t, "affinity") == 0 {
		g.Affinities = []*api.Affinity{
			{LTarget: rack, Operand: "=", RTarget: "r1", Weight: new(int8(50))},
			{LTarget: rack, Operand: "=", RTarget: "r2", Weight: new(int8(-30))},
		}
	}
	if rarely.Draw(t, "even spread") == 0 {
		g.Spreads = append(g.Spreads, &api.Spread{Attribute: rack, Weight: new(int8(40))})
	}
	if rarely.Draw(t, "spread") == 0 {
		g.Spreads = append(g.Spreads, &api.Spread{Attribute: rack, Weight: new(int8(60)), SpreadTarget: []*api.SpreadTarget{
			{Value: "r0", Percent: 50}, {Value: "r1", Percent: uint8(rapid.SampledFrom([]int{20, 50}).Draw(t, "percent"))},
		}})
	}
	return job
}
