package api

import "slices"

// descriptionUnknown is what is said of an allocation that may come back.
const descriptionUnknown = "alloc is unknown since its node is disconnected"

// ClientStatus returns what an allocation does, and a sentence about it. Without a
// status of the node agent it is pending; what the servers say of an allocation on
// a node that is down prevails until the node agent says that it ended.
func ClientStatus(a *Allocation, status *AllocationStatus) (state, description string) {
	said := ""
	if status != nil {
		said = status.ClientStatus
	}
	switch state = State(a.Lost, said); {
	case state == AllocClientUnknown: // node agents never say so
		description = descriptionUnknown
	case status != nil && state == said:
		description = status.ClientDescription
	}
	return state, description
}

// State returns what an allocation does of which the servers say lost (its Lost) and its
// node agent said; both may be empty.
func State(lost, said string) string {
	switch {
	case lost != "" && !ended(said):
		return lost
	case said == "":
		return AllocClientPending
	}
	return said
}

// JoinAllocation returns an allocation as the HTTP API shows it. status may be nil;
// so may job, the version of the job that it runs (see JoinVersion), when that is
// gone: then nothing is said of the job's tasks.
func JoinAllocation(a *Allocation, status *AllocationStatus, job *Job) *Allocation {
	out := *a
	out.AllocModifyIndex = a.ModifyIndex
	out.ClientStatus, out.ClientDescription = ClientStatus(a, status)
	out.DeploymentStatus = a.deploymentStatus()
	out.Metrics = a.Placement.Decode()
	if status != nil {
		out.TaskStates = status.TaskStates
		out.NetworkStatus = status.NetworkStatus
		out.ModifyIndex = max(a.ModifyIndex, status.ModifyIndex)
		out.ModifyTime = max(a.ModifyTime, status.ModifyTime)
	}
	var group *TaskGroup
	if job != nil {
		out.Job = job
		group = job.Group(a.TaskGroup)
	}
	out.AllocatedResources = Allocated(a, group)
	out.SharedResources = resources(0, 0, 0, int(a.Usage.DiskMB), out.AllocatedResources.Shared.Networks)
	out.Resources = totalResources(a, out.AllocatedResources.Shared.Networks)
	out.TaskResources = taskResources(a, group)
	return &out
}

// deploymentStatus returns how the allocation does in its deployment, with the index of
// what the servers last wrote: at which of those they said it is not kept.
func (a *Allocation) deploymentStatus() *AllocDeploymentStatus {
	if a.DeploymentStatus == nil || a.DeploymentStatus.ModifyIndex != 0 {
		return a.DeploymentStatus
	}
	status := *a.DeploymentStatus
	status.ModifyIndex = a.ModifyIndex
	return &status
}

// StubOptions says what an allocation's stub shows besides what it always does.
type StubOptions struct {
	Resources  bool
	TaskStates bool
}

// AllocStub returns an allocation as it is listed. status may be nil; job, the
// version that it runs, is needed for the resources only.
func AllocStub(a *Allocation, status *AllocationStatus, job *Job, o StubOptions) *AllocationListStub {
	stub := &AllocationListStub{
		ID:                    a.ID,
		EvalID:                a.EvalID,
		Name:                  a.Name,
		Namespace:             a.Namespace,
		NodeID:                a.NodeID,
		NodeName:              a.NodeName,
		JobID:                 a.JobID,
		JobType:               a.JobType,
		JobVersion:            a.JobVersion,
		TaskGroup:             a.TaskGroup,
		DesiredStatus:         a.DesiredStatus,
		DesiredDescription:    a.DesiredDescription,
		DesiredTransition:     a.DesiredTransition,
		DeploymentStatus:      a.deploymentStatus(),
		FollowupEvalID:        a.FollowupEvalID,
		NextAllocation:        a.NextAllocation,
		RescheduleTracker:     a.RescheduleTracker,
		PreemptedAllocations:  a.PreemptedAllocations,
		PreemptedByAllocation: a.PreemptedByAllocation,
		CreateIndex:           a.CreateIndex,
		ModifyIndex:           a.ModifyIndex,
		CreateTime:            a.CreateTime,
		ModifyTime:            a.ModifyTime,
	}
	stub.ClientStatus, stub.ClientDescription = ClientStatus(a, status)
	if status != nil {
		stub.ModifyIndex = max(a.ModifyIndex, status.ModifyIndex)
		stub.ModifyTime = max(a.ModifyTime, status.ModifyTime)
		if o.TaskStates {
			stub.TaskStates = status.TaskStates
		}
	}
	if o.Resources {
		var group *TaskGroup
		if job != nil {
			group = job.Group(a.TaskGroup)
		}
		stub.AllocatedResources = Allocated(a, group)
	}
	return stub
}

// Allocated returns what an allocation got on its node: what its group asks for,
// and what placement chose. The group may be nil.
func Allocated(a *Allocation, group *TaskGroup) *AllocatedResources {
	out := &AllocatedResources{
		Tasks:          map[string]*AllocatedTaskResources{},
		TaskLifecycles: map[string]*TaskLifecycle{},
		Shared:         AllocatedSharedResources{DiskMB: a.Usage.DiskMB, Ports: a.Ports},
	}
	if group == nil {
		return out
	}
	for _, t := range group.Tasks {
		out.Tasks[t.Name] = AllocatedTask(a, t)
		out.TaskLifecycles[t.Name] = t.Lifecycle
	}
	for _, asked := range group.Networks {
		out.Shared.Networks = append(out.Shared.Networks, allocatedNetwork(asked, a.Ports))
	}
	return out
}

// allocatedNetwork returns a network of a group with the ports that an allocation got.
func allocatedNetwork(asked *NetworkResource, ports []AllocatedPort) *NetworkResource {
	got := *asked
	fill := func(wanted []Port) []Port {
		filled := slices.Clone(wanted)
		for i := range filled {
			for _, p := range ports {
				if p.Label == filled[i].Label {
					filled[i].Value, filled[i].To = p.Value, p.To
					got.IP = p.HostIP
				}
			}
		}
		return filled
	}
	got.ReservedPorts = fill(asked.ReservedPorts)
	got.DynamicPorts = fill(asked.DynamicPorts)
	return &got
}

// totalResources is the older form of what all tasks of an allocation take.
func totalResources(a *Allocation, networks []*NetworkResource) *Resources {
	memoryMax := a.Usage.MemoryMaxMB
	if memoryMax == 0 {
		memoryMax = a.Usage.MemoryMB
	}
	r := resources(int(a.Usage.CPU), int(a.Usage.MemoryMB), int(memoryMax), int(a.Usage.DiskMB), networks)
	r.Cores = new(int(a.Usage.Cores))
	return r
}

// taskResources is the older form of what each task of an allocation takes.
func taskResources(a *Allocation, group *TaskGroup) map[string]*Resources {
	out := map[string]*Resources{}
	if group == nil {
		return out
	}
	for _, t := range group.Tasks {
		asked := t.Resources
		if asked == nil {
			asked = &Resources{}
		}
		got := AllocatedTask(a, t)
		r := resources(int(got.Cpu.CpuShares), int(got.Memory.MemoryMB), int(got.Memory.MemoryMaxMB), 0, nil)
		r.Cores = new(Deref(asked.Cores))
		r.Devices, r.NUMA = asked.Devices, asked.NUMA
		r.SecretsMB = new(Deref(asked.SecretsMB))
		out[t.Name] = r
	}
	return out
}

func resources(cpu, memory, memoryMax, disk int, networks []*NetworkResource) *Resources {
	return &Resources{
		CPU: &cpu, Cores: new(int), MemoryMB: &memory, MemoryMaxMB: &memoryMax, DiskMB: &disk,
		Networks: networks, SecretsMB: new(int), IOPS: new(int),
	}
}
