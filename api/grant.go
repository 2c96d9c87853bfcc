package api

// TaskGrant is what placement chose for a task that asks for more than amounts: cores
// and devices, which nobody else has for as long as the allocation takes room.
type TaskGrant struct {
	Task    string                     `msg:"t"`
	Cores   []uint16                   `msg:"k"` // by their numbers, in ascending order
	CPU     int64                      `msg:"c"` // MHz of the cores
	Devices []*AllocatedDeviceResource `msg:"d"`
}

// Grant returns what placement chose for a task, or nil if that is nothing.
func (a *Allocation) Grant(task string) *TaskGrant {
	for i := range a.Grants {
		if a.Grants[i].Task == task {
			return &a.Grants[i]
		}
	}
	return nil
}

// AllocatedTask returns what a task of an allocation got on its node: what it asks for,
// and what placement chose for it.
func AllocatedTask(a *Allocation, t *Task) *AllocatedTaskResources {
	got := &AllocatedTaskResources{}
	if r := t.Resources; r != nil {
		got.Cpu.CpuShares = int64(Deref(r.CPU))
		got.Memory.MemoryMB = int64(Deref(r.MemoryMB))
		got.Memory.MemoryMaxMB = int64(a.MemoryLimitMB(t))
	}
	if grant := a.Grant(t.Name); grant != nil {
		if len(grant.Cores) > 0 {
			got.Cpu.CpuShares, got.Cpu.ReservedCores = grant.CPU, grant.Cores
		}
		got.Devices = grant.Devices
	}
	return got
}
