package nodeagent

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// Metrics returns the figures of the node role: what is on the node, what its machine
// uses, and what each task does. They are measured now. What can't be measured is left
// out, and in the error.
func (a *Agent) Metrics(ctx context.Context) ([]api.Gauge, error) {
	n := a.node.Load()
	if n == nil {
		return nil, nil // nothing is known yet
	}
	g := &gauges{labels: a.nodeLabels(n)}
	a.countAllocations(g, n)
	host, err := a.stats.measure(time.Now(), a.statsDir())
	if host != nil {
		g.addHost(host)
	}
	for _, r := range a.worker.all() {
		a.addTasks(ctx, g, r, n.Name)
	}
	return g.list, err
}

// nodeLabels are those of figures about the node. Whether the node is eligible only the
// servers know.
func (a *Agent) nodeLabels(n *api.Node) map[string]string {
	labels := map[string]string{
		"node_id": n.ID, "datacenter": n.Datacenter, "node_class": n.NodeClass, "node_pool": n.NodePool, "host": n.Name,
		"node_status": api.NodeInit, "node_scheduling_eligibility": api.NodeEligible,
	}
	if n.NodeClass == "" {
		labels["node_class"] = "none"
	}
	if _, connected := a.contact.since(time.Now()); connected {
		labels["node_status"] = api.NodeReady
	}
	return labels
}

// gauges collects figures.
type gauges struct {
	labels map[string]string
	list   []api.Gauge
}

// add adds a figure about the node, with a label of its own unless that has no name.
func (g *gauges) add(name string, value float64, label, of string) {
	labels := g.labels
	if label != "" {
		labels = maps.Clone(labels)
		labels[label] = of
	}
	g.list = append(g.list, api.Gauge{Name: "nomad.client." + name, Value: value, Labels: labels})
}

// countAllocations adds how many allocations and tasks there are, and what is taken of the
// node and what is free.
func (a *Agent) countAllocations(g *gauges, n *api.Node) {
	allocations := map[string]int{"blocked": 0, "migrating": 0, "pending": 0, "running": 0, "terminal": 0}
	tasks := map[string]int{api.TaskStateDead: 0, api.TaskStatePending: 0, api.TaskStateRunning: 0}
	var taken api.Usage
	for _, r := range a.worker.all() {
		state, states, usage := r.standing()
		allocations[state]++
		for _, s := range states {
			tasks[s.State]++
		}
		taken = taken.Add(usage)
	}
	for _, state := range []string{"blocked", "migrating", "pending", "running", "terminal"} {
		g.add("allocations."+state, float64(allocations[state]), "", "")
	}
	for _, state := range []string{api.TaskStateDead, api.TaskStatePending, api.TaskStateRunning} {
		g.add("tasks."+state, float64(tasks[state]), "", "")
	}
	most := max(taken.MemoryMB, taken.MemoryMaxMB)
	g.add("allocated.cpu", float64(taken.CPU), "", "")
	g.add("allocated.memory", float64(taken.MemoryMB), "", "")
	g.add("allocated.max_memory", float64(most), "", "")
	g.add("allocated.disk", float64(taken.DiskMB), "", "")
	room := n.Resources
	var kept api.NodeReservedResources
	if n.ReservedResources != nil {
		kept = *n.ReservedResources
	}
	g.add("unallocated.cpu", float64(room.Cpu.CpuShares-kept.Cpu.CpuShares-taken.CPU), "", "")
	g.add("unallocated.memory", float64(room.Memory.MemoryMB-kept.Memory.MemoryMB-taken.MemoryMB), "", "")
	g.add("unallocated.disk", float64(room.Disk.DiskMB-kept.Disk.DiskMB-taken.DiskMB), "", "")
}

// standing says where the allocation is in its life, what its tasks do, and what it takes
// of the node: nothing if it has ended.
func (r *runner) standing() (state string, tasks map[string]*api.TaskState, usage api.Usage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.life.Status()
	switch {
	case r.life.Ended():
		return "terminal", s.TaskStates, api.Usage{}
	case r.held != nil:
		return "blocked", s.TaskStates, r.desired.Usage
	case s.ClientStatus == api.AllocClientRunning:
		return "running", s.TaskStates, r.desired.Usage
	}
	return "pending", s.TaskStates, r.desired.Usage
}

func (g *gauges) addHost(h *api.HostStats) {
	g.add("uptime", float64(h.Uptime), "", "")
	g.add("host.memory.total", float64(h.Memory.Total), "", "")
	g.add("host.memory.available", float64(h.Memory.Available), "", "")
	g.add("host.memory.used", float64(h.Memory.Used), "", "")
	g.add("host.memory.free", float64(h.Memory.Free), "", "")
	for _, c := range h.CPU {
		g.add("host.cpu.total", c.TotalPercent, "cpu", c.CPU)
		g.add("host.cpu.total_percent", c.TotalPercent, "cpu", c.CPU)
		g.add("host.cpu.total_ticks", c.TotalTicks, "cpu", c.CPU)
		g.add("host.cpu.user", c.User, "cpu", c.CPU)
		g.add("host.cpu.system", c.System, "cpu", c.CPU)
		g.add("host.cpu.idle", c.Idle, "cpu", c.CPU)
	}
	for _, d := range h.DiskStats {
		g.add("host.disk.size", float64(d.Size), "disk", d.Device)
		g.add("host.disk.used", float64(d.Used), "disk", d.Device)
		g.add("host.disk.available", float64(d.Available), "disk", d.Device)
		g.add("host.disk.used_percent", d.UsedPercent, "disk", d.Device)
		g.add("host.disk.inodes_percent", d.InodesUsedPercent, "disk", d.Device)
	}
}

// addTasks adds what the tasks of an allocation that run use. What a driver can't tell of
// one, because it ends just now, is left out.
func (a *Agent) addTasks(ctx context.Context, g *gauges, r *runner, host string) {
	if state, _, _ := r.standing(); state != "running" {
		return
	}
	usage, err := a.usageOf(ctx, r)
	if err != nil {
		r.log.V(1).Info("what its tasks use is not known", "reason", err.Error())
		return
	}
	al, job := r.object()
	group := job.Group(al.TaskGroup)
	for name, u := range usage.Tasks {
		labels := map[string]string{
			"alloc_id": r.id, "job": al.JobID, "task_group": al.TaskGroup, "task": name, "namespace": al.Namespace, "host": host,
		}
		nameParent(labels, api.Deref(job.ParentID), al.JobID)
		add := func(name string, value float64) {
			g.list = append(g.list, api.Gauge{Name: "nomad.client.allocs." + name, Value: value, Labels: labels})
		}
		if t := group.Task(name); t != nil {
			has := api.AllocatedTask(al, t)
			add("cpu.allocated", float64(has.Cpu.CpuShares))
			add("memory.allocated", float64(has.Memory.MemoryMB<<20))
		}
		cpu, memory := u.ResourceUsage.CpuStats, u.ResourceUsage.MemoryStats
		add("cpu.total_percent", cpu.Percent)
		add("cpu.total_ticks", cpu.TotalTicks)
		add("cpu.user", cpu.UserMode)
		add("cpu.system", cpu.SystemMode)
		add("cpu.throttled_periods", float64(cpu.ThrottledPeriods))
		add("cpu.throttled_time", float64(cpu.ThrottledTime))
		for _, m := range []struct {
			measured, name string
			value          uint64
		}{
			{"RSS", "rss", memory.RSS},
			{"Cache", "cache", memory.Cache},
			{"Swap", "swap", memory.Swap},
			{"Usage", "usage", memory.Usage},
			{"Max Usage", "max_usage", memory.MaxUsage},
		} {
			if slices.Contains(memory.Measured, m.measured) {
				add("memory."+m.name, float64(m.value))
			}
		}
	}
}

// nameParent labels what is of a child of a periodic or parameterized job, so that
// the figures of all its children can be summed up.
func nameParent(labels map[string]string, parent, jobID string) {
	if parent == "" {
		return
	}
	labels["parent_id"] = parent
	if launch, ok := strings.CutPrefix(jobID, parent+"/dispatch-"); ok {
		labels["dispatch_id"] = launch
	}
	if launch, ok := strings.CutPrefix(jobID, parent+"/periodic-"); ok {
		labels["periodic_id"] = launch
	}
}
