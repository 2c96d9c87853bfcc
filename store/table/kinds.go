package table

import (
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// registry makes an empty table for each kind, in a fixed order: the place of a kind
// in it is its slot. A new kind is one more line here and a function below.
func registry() []relation {
	return []relation{
		newLive(jobs()),
		newLive(jobVersions()),
		newLive(namespaced[*api.JobSubmission]()),
		newLive(jobStatuses()),
		newLive(allocations()),
		newLive(allocationStatuses()),
		newLive(evaluations()),
		newLive(deployments()),
		newLive(nodes()),
		newLive(plain[*api.NodeIntent]()),
		newLive(plain[*api.NodeSession]()),
		newLive(nodeStatuses()),
		newLive(plain[*api.NodePool]()),
		newLive(plain[*api.Namespace]()),
		newLive(plain[*api.Leadership]()),
		newLive(namespaced[*api.PeriodicLaunch]()),
		newLive(namespaced[*api.DispatchToken]()),
		newLive(namespaced[*api.JobAdmission]()),
		newLive(scalingPolicies()),
		newLive(namespaced[*api.ScalingEvents]()),
		newLive(plain[*api.KindDefinition]()),
		newLive(plain[*api.SchedulerConfiguration]()),
		newLive(namespaced[*api.CSIVolume]()),
		newLive(hostVolumeClaims()),
		newLive(namespaced[*api.SealedVariable]()),
		newLive(plain[*api.RootKey]()),
	}
}

// further makes an empty table for a kind that is not in the registry: one that authors
// defined, or one that a newer version knows.
func further(k api.Kind) relation {
	switch o, _ := api.NewObject(k); o.(type) {
	case *api.Resource:
		return newLive(&spec[*api.Resource]{kind: k, namespaced: true})
	case *api.ResourceStatus:
		return newLive(&spec[*api.ResourceStatus]{kind: k, namespaced: true})
	}
	return newLive(&spec[*Opaque]{kind: k, namespaced: true})
}

// plain is a kind that is found by its key only.
func plain[T api.Object]() *spec[T] { return &spec[T]{kind: api.KindOf[T]()} }

// namespaced is a kind that is found by its key only, which has a namespace.
func namespaced[T api.Object]() *spec[T] {
	s := plain[T]()
	s.namespaced = true
	return s
}

func jobs() *spec[*api.Job] {
	s := namespaced[*api.Job]()
	s.indexes = []indexSpec[*api.Job]{
		{name: store.ByParent, value: func(j *api.Job) string { return jobValue(api.Deref(j.Namespace), api.Deref(j.ParentID)) }},
	}
	return s
}

func jobVersions() *spec[*api.JobVersion] {
	s := namespaced[*api.JobVersion]()
	s.indexes = []indexSpec[*api.JobVersion]{
		{name: store.ByJob, value: func(v *api.JobVersion) string {
			if v.Job == nil {
				return ""
			}
			return jobValue(api.Deref(v.Job.Namespace), api.Deref(v.Job.ID))
		}},
	}
	return s
}

func jobStatuses() *spec[*api.JobStatus] {
	s := namespaced[*api.JobStatus]()
	s.indexes = []indexSpec[*api.JobStatus]{
		{name: store.ByStatus, value: func(j *api.JobStatus) string { return j.Status }},
	}
	return s
}

func allocations() *spec[*api.Allocation] {
	s := plain[*api.Allocation]()
	s.namespace = func(a *api.Allocation) string { return a.Namespace }
	s.indexes = []indexSpec[*api.Allocation]{
		{name: store.ByJob, value: func(a *api.Allocation) string { return jobValue(a.Namespace, a.JobID) }},
		{name: store.ByNode, value: func(a *api.Allocation) string { return a.NodeID }},
		{name: store.ByDeployment, value: func(a *api.Allocation) string { return a.DeploymentID }},
		{name: store.ByEval, value: func(a *api.Allocation) string { return a.EvalID }},
		{name: store.ByVolume, values: volumeValues},
		{name: store.ByEnd, value: func(a *api.Allocation) string { return ended(a.Lost == api.AllocClientLost) }},
	}
	s.packed = true
	return s
}

func allocationStatuses() *spec[*api.AllocationStatus] {
	s := plain[*api.AllocationStatus]()
	s.namespace = func(a *api.AllocationStatus) string { return a.Namespace }
	s.indexes = []indexSpec[*api.AllocationStatus]{
		{name: store.ByJob, value: func(a *api.AllocationStatus) string { return jobValue(a.Namespace, a.JobID) }},
		{name: store.ByNode, value: func(a *api.AllocationStatus) string { return a.NodeID }},
		{name: store.ByEnd, value: func(a *api.AllocationStatus) string { return ended(a.Terminal()) }},
		{name: store.ByService, values: serviceValues},
	}
	s.packed = true
	return s
}

// volumeValues returns the volumes that an allocation claims as they are indexed.
func volumeValues(a *api.Allocation) []string {
	var values []string
	for _, c := range a.Claims {
		values = append(values, store.VolumeValue(a.Namespace, c.Volume))
	}
	return values
}

func ended(yes bool) string {
	if yes {
		return store.Ended
	}
	return ""
}

// serviceValues returns the services of an allocation as they are indexed.
func serviceValues(a *api.AllocationStatus) []string {
	if len(a.Services) == 0 {
		return nil
	}
	values := []string{store.ServiceValue(a.Namespace, "")}
	for _, s := range a.Services {
		if v := store.ServiceValue(a.Namespace, s.Name); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

func evaluations() *spec[*api.Evaluation] {
	s := plain[*api.Evaluation]()
	s.namespace = func(e *api.Evaluation) string { return e.Namespace }
	s.indexes = []indexSpec[*api.Evaluation]{
		{name: store.ByJob, value: func(e *api.Evaluation) string { return jobValue(e.Namespace, e.JobID) }},
		{name: store.ByOpenJob, value: func(e *api.Evaluation) string {
			if !e.Open() {
				return ""
			}
			return jobValue(e.Namespace, e.JobID)
		}},
		{name: store.ByStatus, value: func(e *api.Evaluation) string { return e.Status }},
	}
	s.packed = true
	return s
}

func deployments() *spec[*api.Deployment] {
	s := plain[*api.Deployment]()
	s.namespace = func(d *api.Deployment) string { return d.Namespace }
	s.indexes = []indexSpec[*api.Deployment]{
		{name: store.ByJob, value: func(d *api.Deployment) string { return jobValue(d.Namespace, d.JobID) }},
		{name: store.ByStatus, value: func(d *api.Deployment) string { return d.Status }},
	}
	return s
}

func nodes() *spec[*api.Node] {
	s := plain[*api.Node]()
	s.indexes = []indexSpec[*api.Node]{
		{name: store.ByPool, value: func(n *api.Node) string { return n.NodePool }},
	}
	return s
}

func nodeStatuses() *spec[*api.NodeStatus] {
	s := plain[*api.NodeStatus]()
	s.indexes = []indexSpec[*api.NodeStatus]{
		{name: store.ByStatus, value: func(n *api.NodeStatus) string { return n.Status }},
	}
	return s
}

func scalingPolicies() *spec[*api.ScalingPolicy] {
	s := plain[*api.ScalingPolicy]()
	s.namespace = func(p *api.ScalingPolicy) string { return p.Namespace }
	s.indexes = []indexSpec[*api.ScalingPolicy]{
		{name: store.ByJob, value: func(p *api.ScalingPolicy) string { return jobValue(p.Namespace, p.Target[api.ScalingTargetJob]) }},
	}
	return s
}

func hostVolumeClaims() *spec[*api.HostVolumeClaim] {
	s := plain[*api.HostVolumeClaim]()
	s.namespace = func(c *api.HostVolumeClaim) string { return c.Namespace }
	s.indexes = []indexSpec[*api.HostVolumeClaim]{
		{name: store.ByJob, value: func(c *api.HostVolumeClaim) string { return jobValue(c.Namespace, c.JobID) }},
	}
	return s
}

// jobValue is store.JobValue, or nothing for no job.
func jobValue(namespace, jobID string) string {
	if jobID == "" {
		return ""
	}
	return store.JobValue(namespace, jobID)
}
