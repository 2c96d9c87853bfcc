package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/store"
)

// topics says what a query's answer is made of. A blocking query waits for changes
// of that.
type topics func(s store.Snapshot, c *call) []watch.Topic

// kinds is whole kinds.
func kinds(of ...api.Kind) topics {
	var all []watch.Topic
	for _, k := range of {
		all = append(all, watch.Kind(k))
	}
	return func(store.Snapshot, *call) []watch.Topic { return all }
}

// part is what a query about a job reads of it.
type part func(namespace, jobID string) []watch.Topic

// ofJob is parts of the job in the path.
func ofJob(parts ...part) topics {
	return func(_ store.Snapshot, c *call) []watch.Topic {
		var all []watch.Topic
		for _, p := range parts {
			all = append(all, p(c.jobOf())...)
		}
		return all
	}
}

// itself is a job's own fields: its spec, its status and its versions.
func itself(namespace, jobID string) []watch.Topic {
	return append(indexed(api.KindJobVersion)(namespace, jobID),
		watch.Object(api.JobKey(namespace, jobID)),
		watch.Object(api.JobStatusKey(namespace, jobID)))
}

// children is the children of a periodic or parameterized job.
func children(namespace, jobID string) []watch.Topic {
	return []watch.Topic{watch.Index(api.KindJob, store.ByParent, store.JobValue(namespace, jobID))}
}

// scalingEvents is what was done to the counts of a job's groups.
func scalingEvents(namespace, jobID string) []watch.Topic {
	return []watch.Topic{watch.Object(api.ScalingEventsKey(namespace, jobID))}
}

// indexed is the objects of some kinds that belong to a job.
func indexed(of ...api.Kind) part {
	return func(namespace, jobID string) []watch.Topic {
		var all []watch.Topic
		for _, k := range of {
			all = append(all, watch.Index(k, store.ByJob, store.JobValue(namespace, jobID)))
		}
		return all
	}
}

// object is the objects of some kinds whose ID is in the path.
func object(name string, of ...api.Kind) topics {
	return func(_ store.Snapshot, c *call) []watch.Topic {
		var all []watch.Topic
		for _, k := range of {
			all = append(all, watch.Object(api.Key{Kind: k, ID: c.path[name]}))
		}
		return all
	}
}

// allocationsOf is what an index lists of allocations, with the statuses of the job
// that they belong to: statuses are not indexed that way.
func allocationsOf(name string, index store.IndexName, job func(s store.Snapshot, id string) (namespace, jobID string)) topics {
	return func(s store.Snapshot, c *call) []watch.Topic {
		namespace, jobID := job(s, c.path[name])
		return append(indexed(api.KindAllocationStatus)(namespace, jobID),
			watch.Index(api.KindAllocation, index, c.path[name]))
	}
}
