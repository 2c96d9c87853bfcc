package scheduler

import "github.com/droverhq/drover/api"

// UsageOf returns what one instance of a group takes from its node.
//
// Tasks that never run at the same time share their room: what is kept is the
// most that any step of the group's life needs, which is, beside the prestart
// sidecars, the other prestart tasks, then the main and poststart tasks, then the
// poststop tasks. Cores they do not share: each task has its own for as long as the
// instance is there. CPU is what the tasks ask for in MHz; the cores that they ask
// for add the MHz that they have on the node that they come to (see Placement.Usage).
// MemoryMaxMB is 0 when no task may go above what it reserves.
func UsageOf(g *api.TaskGroup) api.Usage {
	var beside, before, during, after api.Usage
	cores := int64(0)
	for _, t := range g.Tasks {
		step := &during
		if t.Lifecycle != nil {
			switch hook := t.Lifecycle.Hook; {
			case hook == api.HookPrestart && t.Lifecycle.Sidecar:
				step = &beside
			case hook == api.HookPrestart:
				step = &before
			case hook == api.HookPoststop:
				step = &after
			}
		}
		*step = step.Add(taskUsage(t.Resources))
		if t.Resources != nil {
			cores += amount(t.Resources.Cores)
		}
	}
	u := beside.Add(highest(highest(before, during), after))
	u.Cores = cores
	if u.MemoryMaxMB == u.MemoryMB {
		u.MemoryMaxMB = 0
	}
	if g.EphemeralDisk != nil {
		u.DiskMB = amount(g.EphemeralDisk.SizeMB)
	}
	return u
}

func taskUsage(r *api.Resources) api.Usage {
	if r == nil {
		return api.Usage{}
	}
	secrets, memory := amount(r.SecretsMB), amount(r.MemoryMB)
	return api.Usage{
		CPU:         amount(r.CPU),
		MemoryMB:    memory + secrets,
		MemoryMaxMB: max(memory, amount(r.MemoryMaxMB)) + secrets,
	}
}

// amount returns what is asked for, within bounds in which sums don't overflow: no
// node has more.
func amount(asked *int) int64 {
	const most = 1 << 40
	return min(max(0, int64(api.Deref(asked))), most)
}

// highest returns the higher of each resource of two usages.
func highest(u, v api.Usage) api.Usage {
	return api.Usage{
		CPU:         max(u.CPU, v.CPU),
		MemoryMB:    max(u.MemoryMB, v.MemoryMB),
		MemoryMaxMB: max(u.MemoryMaxMB, v.MemoryMaxMB),
		DiskMB:      max(u.DiskMB, v.DiskMB),
	}
}

// roomOf returns what tasks can have of a node but for cores: all of it without what is
// reserved for other things.
func roomOf(n *api.Node) api.Usage {
	if n.Resources == nil {
		return api.Usage{}
	}
	r := n.Resources
	room := api.Usage{CPU: r.Cpu.CpuShares, MemoryMB: r.Memory.MemoryMB, DiskMB: r.Disk.DiskMB}
	if kept := n.ReservedResources; kept != nil {
		room.CPU -= kept.Cpu.CpuShares
		room.MemoryMB -= kept.Memory.MemoryMB
		room.DiskMB -= kept.Disk.DiskMB
	}
	return room
}

// shortOf names the first resource of which there is less than asked for, or "".
func shortOf(free, asked api.Usage) string {
	switch {
	case free.Cores < asked.Cores:
		return exhaustedCores
	case free.CPU < asked.CPU:
		return "cpu"
	case free.MemoryMB < asked.MemoryMB:
		return "memory"
	case free.DiskMB < asked.DiskMB:
		return "disk"
	}
	return ""
}
