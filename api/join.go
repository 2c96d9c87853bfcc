package api

import (
	"net"
	"time"
)

// The functions of this file and of join_allocation.go put together, at the HTTP
// edge, what has separate writers in the store. They are pure: they change none of
// their arguments, and what they return shares memory with them, so it must not be
// changed either.

// JoinJob returns a job as the HTTP API shows it. status and version, the version
// of j that is stored, may be nil.
func JoinJob(j *Job, status *JobStatus, version *JobVersion) *Job {
	out := *j
	st, why := firstStatus(j), ""
	modify := Deref(j.JobModifyIndex)
	if status != nil {
		st, why = status.Status, status.StatusDescription
		modify = max(modify, status.ModifyIndex)
	}
	stable := false
	if version != nil {
		stable = version.Stable
		out.VersionTag = version.Tag
		modify = max(modify, version.ModifyIndex)
	}
	out.Status, out.StatusDescription, out.Stable = &st, &why, &stable
	out.CreateIndex, out.ModifyIndex = new(Deref(j.CreateIndex)), &modify
	out.JobModifyIndex = new(Deref(j.JobModifyIndex))
	return &out
}

// firstStatus is the state of a job that no controller has looked at yet. Nothing can
// keep one that only launches others from doing so.
func firstStatus(j *Job) string {
	switch {
	case !j.IsTemplate():
		return JobStatusPending
	case j.Stopped():
		return JobStatusDead
	}
	return JobStatusRunning
}

// JoinVersion returns one version of a job as the HTTP API shows it. current, the
// job as it is now, and status may be nil: a job that was purged has neither.
func JoinVersion(v *JobVersion, current *Job, status *JobStatus) *Job {
	spec := *v.Job
	// A version is stored by the transaction that wrote the job.
	create, written := v.CreateIndex, v.CreateIndex
	if current != nil {
		create = min(create, Deref(current.CreateIndex))
	}
	spec.CreateIndex, spec.JobModifyIndex = &create, &written
	out := JoinJob(&spec, status, v)
	out.ModifyIndex = new(max(written, v.ModifyIndex))
	return out
}

// JobStub returns a job as it is listed, from what JoinJob returned. Its meta is
// left out unless asked for.
func JobStub(joined *Job, summary *JobSummary, withMeta bool) *JobListStub {
	stub := &JobListStub{
		ID:                Deref(joined.ID),
		ParentID:          Deref(joined.ParentID),
		Name:              Deref(joined.Name),
		Namespace:         Deref(joined.Namespace),
		Datacenters:       joined.Datacenters,
		NodePool:          Deref(joined.NodePool),
		Multiregion:       joined.Multiregion,
		Type:              Deref(joined.Type),
		Priority:          Deref(joined.Priority),
		Periodic:          joined.Periodic != nil,
		ParameterizedJob:  joined.IsDispatchable(),
		Stop:              Deref(joined.Stop),
		Status:            Deref(joined.Status),
		StatusDescription: Deref(joined.StatusDescription),
		JobSummary:        summary,
		CreateIndex:       Deref(joined.CreateIndex),
		ModifyIndex:       Deref(joined.ModifyIndex),
		JobModifyIndex:    Deref(joined.JobModifyIndex),
		SubmitTime:        Deref(joined.SubmitTime),
	}
	if withMeta {
		stub.Meta = joined.Meta
	}
	return stub
}

// NewSummary returns the summary of a job before its allocations and children are
// counted: every group of the job, with what waits for room. status may be nil.
func NewSummary(j *Job, status *JobStatus) *JobSummary {
	s := &JobSummary{
		JobID:       Deref(j.ID),
		Namespace:   Deref(j.Namespace),
		Summary:     make(map[string]TaskGroupSummary, len(j.TaskGroups)),
		Children:    &JobChildrenSummary{},
		CreateIndex: Deref(j.CreateIndex),
		ModifyIndex: Deref(j.JobModifyIndex),
	}
	if status != nil {
		s.ModifyIndex = max(s.ModifyIndex, status.ModifyIndex)
	}
	for _, g := range j.TaskGroups {
		var count TaskGroupSummary
		if status != nil {
			count.Queued = status.Queued[Deref(g.Name)]
			count.Indexed = status.Indexed[Deref(g.Name)]
		}
		s.Summary[Deref(g.Name)] = count
	}
	return s
}

// CountAllocation adds an allocation to the summary of its job. status may be nil.
func (s *JobSummary) CountAllocation(a *Allocation, status *AllocationStatus) {
	count := s.Summary[a.TaskGroup]
	client, _ := ClientStatus(a, status)
	if counter := count.Count(client); counter != nil {
		*counter++
	}
	s.Summary[a.TaskGroup] = count
	s.ModifyIndex = max(s.ModifyIndex, a.ModifyIndex)
	if status != nil {
		s.ModifyIndex = max(s.ModifyIndex, status.ModifyIndex)
	}
}

// Count returns the counter of the allocations that have a client status, or nil if
// there is no such status.
func (s *TaskGroupSummary) Count(status string) *int {
	switch status {
	case AllocClientPending:
		return &s.Starting
	case AllocClientRunning:
		return &s.Running
	case AllocClientComplete:
		return &s.Complete
	case AllocClientFailed:
		return &s.Failed
	case AllocClientLost:
		return &s.Lost
	case AllocClientUnknown:
		return &s.Unknown
	}
	return nil
}

// CountChild adds a child of a periodic or parameterized job to its summary.
// status, the child's, may be nil.
func (s *JobSummary) CountChild(status *JobStatus) {
	if status == nil {
		s.Children.Pending++
		return
	}
	s.ModifyIndex = max(s.ModifyIndex, status.ModifyIndex)
	switch status.Status {
	case JobStatusRunning:
		s.Children.Running++
	case JobStatusDead:
		s.Children.Dead++
	default:
		s.Children.Pending++
	}
}

// JoinEvaluation returns an evaluation as the HTTP API shows it. The index of the
// job that asked for it can't be known when both are written by one transaction.
func JoinEvaluation(e *Evaluation) *Evaluation {
	if e.JobModifyIndex != 0 || (e.TriggeredBy != TriggerJobRegister && e.TriggeredBy != TriggerJobDeregister) {
		return e
	}
	out := *e
	out.JobModifyIndex = e.CreateIndex
	return &out
}

// JoinNode returns a node as the HTTP API shows it, without its secret. intent and
// status may be nil.
func JoinNode(n *Node, intent *NodeIntent, status *NodeStatus) *Node {
	out := *n
	out.SecretID = ""
	out.SchedulingEligibility = NodeEligible
	out.Status = NodeInit
	out.Events = joinEvents(intent, status)
	if intent != nil {
		if intent.Eligibility != "" {
			out.SchedulingEligibility = intent.Eligibility
		}
		out.Drain = intent.DrainStrategy != nil
		out.DrainStrategy = intent.DrainStrategy
		out.LastDrain = intent.LastDrain
		out.ModifyIndex = max(out.ModifyIndex, intent.ModifyIndex)
	}
	if status != nil {
		out.Status = status.Status
		out.StatusDescription = status.StatusDescription
		out.StatusUpdatedAt = status.UpdatedAt / int64(time.Second)
		out.LastMissedHeartbeatIndex = status.LastMissedIndex
		out.ModifyIndex = max(out.ModifyIndex, status.ModifyIndex)
	}
	return &out
}

// NodeStub returns a node as it is listed, from what JoinNode returned. Its
// resources and its operating system's attributes are left out unless asked for.
func NodeStub(joined *Node, withResources, withOS bool) *NodeListStub {
	address := joined.HTTPAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	stub := &NodeListStub{
		Address:               address,
		ID:                    joined.ID,
		Datacenter:            joined.Datacenter,
		Name:                  joined.Name,
		NodePool:              joined.NodePool,
		NodeClass:             joined.NodeClass,
		Version:               joined.Attributes["nomad.version"],
		Drain:                 joined.Drain,
		SchedulingEligibility: joined.SchedulingEligibility,
		Status:                joined.Status,
		StatusDescription:     joined.StatusDescription,
		Drivers:               joined.Drivers,
		HostVolumes:           joined.HostVolumes,
		LastDrain:             joined.LastDrain,
		CreateIndex:           joined.CreateIndex,
		ModifyIndex:           joined.ModifyIndex,
	}
	if withResources {
		stub.NodeResources = joined.Resources
		stub.ReservedResources = joined.ReservedResources
	}
	if withOS {
		stub.Attributes = map[string]string{"os.name": joined.Attributes["os.name"]}
	}
	return stub
}
