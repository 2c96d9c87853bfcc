package scheduler_test

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// drawTopology gives a node up to eight cores on up to three NUMA nodes.
func drawTopology(t *rapid.T, n *api.Node) {
	topology := &api.NodeTopology{}
	for numa := range rapid.IntRange(1, 3).Draw(t, "numa nodes") {
		for range rapid.IntRange(0, 3).Draw(t, "cores") {
			topology.Cores = append(topology.Cores, api.NodeCore{
				ID: uint16(len(topology.Cores)), NodeID: uint8(numa), BaseSpeed: 1000, Disable: rapid.IntRange(0, 9).Draw(t, "off") == 0,
			})
		}
	}
	n.Resources.Processors.Topology = topology
	if rapid.IntRange(0, 3).Draw(t, "keep") == 0 {
		n.ReservedResources.Cpu.ReservedCpuCores = []uint16{1}
	}
}

// drawCores lets a job's tasks ask for cores: up to one for each kind of affinity.
func drawCores(t *rapid.T, g *api.TaskGroup) {
	if rapid.IntRange(0, 2).Draw(t, "cores") != 0 {
		return
	}
	for _, affinity := range []string{api.NUMANone, api.NUMAPrefer, api.NUMARequire} {
		if cores := rapid.IntRange(0, 2).Draw(t, affinity); cores > 0 {
			g.Tasks = append(g.Tasks, &api.Task{Name: affinity, Driver: "raw_exec", Resources: &api.Resources{
				Cores: &cores, NUMA: &api.NUMAResource{Affinity: affinity},
			}})
		}
	}
}

// coresOf returns the cores that tasks can have of a node.
func coresOf(n *api.Node) []api.NodeCore {
	return slices.DeleteFunc(slices.Clone(n.Resources.Processors.Topology.Cores), func(c api.NodeCore) bool {
		return c.Disable || slices.Contains(n.ReservedResources.Cpu.ReservedCpuCores, c.ID)
	})
}

// asked is what an instance takes of a node, with the MHz of its cores.
func asked(g *api.TaskGroup, n *api.Node) api.Usage {
	u := scheduler.UsageOf(g)
	if all := int64(len(n.Resources.Processors.Topology.Cores)); all > 0 {
		u.CPU += u.Cores * (n.Resources.Cpu.CpuShares / all)
	}
	return u
}

// coreHolders returns how many allocations have a core of a node.
func (w *world) coreHolders(nodeID string, id uint16) int {
	holders := 0
	for _, a := range w.on(nodeID) {
		for _, grant := range a.Grants {
			if slices.Contains(grant.Cores, id) {
				holders++
			}
		}
	}
	return holders
}

// coresFit reports whether a node has free cores for a group, and whether those of the
// task that prefers one NUMA node are on one.
func (w *world) coresFit(g *api.TaskGroup, n *api.Node) (fit, together bool) {
	free, total, wanted := make([]int, 4), 0, map[string]int{}
	for _, c := range coresOf(n) {
		if w.coreHolders(n.ID, c.ID) == 0 {
			free[c.NodeID]++
			total++
		}
	}
	sum := 0
	for _, task := range g.Tasks {
		if task.Resources.Cores != nil {
			wanted[task.Name] = *task.Resources.Cores
			sum += *task.Resources.Cores
		}
	}
	if sum > total || w.used(n.ID).Cores+int64(sum) > int64(len(coresOf(n))) {
		return false, false
	}
	for numa := range free {
		if required := wanted[api.NUMARequire]; required <= free[numa] {
			fit = true
			left := slices.Clone(free)
			left[numa] -= required
			together = together || slices.Max(left) >= wanted[api.NUMAPrefer]
		}
	}
	return fit, together
}

// numaScore is the part of the score that a preference for one NUMA node has, if any.
func (w *world) numaScore(g *api.TaskGroup, n *api.Node) (score float64, counts bool) {
	_, together := w.coresFit(g, n)
	if together {
		score = 1
	}
	return score, g.Task(api.NUMAPrefer) != nil
}

// checkCores holds what was granted against what was asked for.
func (w *world) checkCores(t *rapid.T, g *api.TaskGroup, p scheduler.Placement) {
	n := w.node(p.NodeID)
	for _, task := range g.Tasks {
		var got []uint16
		for _, grant := range p.Grants {
			if grant.Task == task.Name {
				got = grant.Cores
			}
		}
		if len(got) != api.Deref(task.Resources.Cores) {
			t.Fatalf("task %s of %s has cores %v", task.Name, p.AllocID, got)
		}
		numa := map[uint8]bool{}
		for _, id := range got {
			i := slices.IndexFunc(coresOf(n), func(c api.NodeCore) bool { return c.ID == id })
			if i < 0 || w.coreHolders(n.ID, id) != 1 {
				t.Fatalf("core %d of node %s: %d holders", id, n.ID, w.coreHolders(n.ID, id))
			}
			numa[coresOf(n)[i].NodeID] = true
		}
		if task.Name == api.NUMARequire && len(numa) != 1 {
			t.Fatalf("cores %v of task %s are on %d NUMA nodes", got, task.Name, len(numa))
		}
	}
}
