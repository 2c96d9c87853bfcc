package watch

import (
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
