package watch

import (
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Topic is a set of objects whose changes can be waited for. It is a hash: two sets
// may, hardly ever, share one, which costs a wake-up.
type Topic uint64

// Kind is all objects of a kind.
func Kind(k api.Kind) Topic { return topic('k', k) }

// Object is one object.
func Object(key api.Key) Topic { return topic('o', key.Kind, key.Namespace, key.ID) }

// Index is what an index of a kind lists under a value.
func Index(k api.Kind, name store.IndexName, value string) Topic {
	return topic('i', k, string(name), value)
}

// Service is the instances of a service, or of any service of the namespace if it has
// no name, as the statuses of allocations offer them.
func Service(namespace, name string) Topic {
	return Index(api.KindAllocationStatus, store.ByService, store.ServiceValue(namespace, name))
}

// ServiceOwners is what the servers want of allocations of a namespace, as far as it
// decides whether their services are to be found.
func ServiceOwners(namespace string) Topic {
	return Index(api.KindAllocation, store.ByService, namespace)
}

func topic(form byte, k api.Kind, parts ...string) Topic {
	var space [128]byte
	b := append(space[:0], form)
	b = append(b, k...)
	for _, p := range parts {
		b = append(b, 0)
		b = append(b, p...)
	}
	return Topic(xxhash.Sum64(b))
}

// topicsOf appends the topics that a change concerns.
func topicsOf(out []Topic, c store.Change) []Topic {
	out = append(out, Kind(c.Key.Kind), Object(c.Key))
	if c.Old != nil {
		out = appendIndexed(out, c.Old)
	}
	if c.New != nil {
		out = appendIndexed(out, c.New)
	}
	switch c.Key.Kind {
	case api.KindAllocationStatus:
		out = appendServices(out, c)
	case api.KindAllocation:
		out = appendOwners(out, c)
	}
	return out
}

// appendServices appends the services of a status that changed, if any did: most
// changes of statuses are about tasks.
func appendServices(out []Topic, c store.Change) []Topic {
	before, _ := c.Old.(*api.AllocationStatus)
	after, _ := c.New.(*api.AllocationStatus)
	var was, is []*api.ServiceInstance
	var namespace string
	if before != nil {
		was, namespace = before.Services, before.Namespace
	}
	if after != nil {
		is, namespace = after.Services, after.Namespace
	}
	if len(was)+len(is) == 0 || slices.EqualFunc(was, is, sameInstance) {
		return out
	}
	out = append(out, Service(namespace, ""))
	for _, s := range slices.Concat(was, is) {
		out = append(out, Service(namespace, s.Name))
	}
	return out
}

func sameInstance(a, b *api.ServiceInstance) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Address == b.Address && a.Port == b.Port &&
		slices.Equal(a.Tags, b.Tags) && maps.Equal(a.Meta, b.Meta)
}

// appendOwners appends that an allocation's services are to be found, or not any more.
func appendOwners(out []Topic, c store.Change) []Topic {
	before, _ := c.Old.(*api.Allocation)
	after, _ := c.New.(*api.Allocation)
	if before == nil || after == nil {
		return out // a new one offers nothing yet, a deleted one nothing any more
	}
	if before.WantsRun() != after.WantsRun() || before.Lost != after.Lost || len(before.Withdrawn) != len(after.Withdrawn) {
		out = append(out, ServiceOwners(after.Namespace))
	}
	return out
}

// appendIndexed appends the topics of the index entries of an object.
func appendIndexed(out []Topic, o api.Object) []Topic {
	switch o := o.(type) {
	case *api.Allocation:
		out = append(out,
			Index(api.KindAllocation, store.ByJob, store.JobValue(o.Namespace, o.JobID)),
			Index(api.KindAllocation, store.ByNode, o.NodeID))
		if o.DeploymentID != "" {
			out = append(out, Index(api.KindAllocation, store.ByDeployment, o.DeploymentID))
		}
		if o.EvalID != "" {
			out = append(out, Index(api.KindAllocation, store.ByEval, o.EvalID))
		}
	case *api.AllocationStatus:
		out = append(out,
			Index(api.KindAllocationStatus, store.ByJob, store.JobValue(o.Namespace, o.JobID)),
			Index(api.KindAllocationStatus, store.ByNode, o.NodeID))
	case *api.Evaluation:
		out = append(out, Index(api.KindEvaluation, store.ByJob, store.JobValue(o.Namespace, o.JobID)))
	case *api.Deployment:
		out = append(out, Index(api.KindDeployment, store.ByJob, store.JobValue(o.Namespace, o.JobID)))
	case *api.JobVersion:
		out = append(out, Index(api.KindJobVersion, store.ByJob, store.JobValue(api.Deref(o.Job.Namespace), api.Deref(o.Job.ID))))
	case *api.Job:
		if parent := api.Deref(o.ParentID); parent != "" {
			out = append(out, Index(api.KindJob, store.ByParent, store.JobValue(api.Deref(o.Namespace), parent)))
		}
	}
	return out
}
