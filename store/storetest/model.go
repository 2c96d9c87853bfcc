package storetest

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// model is what a store is, in a few lines that are obviously right: a map and a list.
type model struct {
	index   uint64
	objects map[api.Key]api.Object
	changes []store.Change // since resync
	resync  uint64         // feeds from before this index are told to resync
}

func newModel() *model { return &model{objects: make(map[api.Key]api.Object)} }

// copy returns the objects as they are now.
func (m *model) copy() *model {
	return &model{index: m.index, objects: maps.Clone(m.objects)}
}

func (m *model) apply(txn store.Txn) (uint64, *store.ConflictError) {
	for _, c := range txn.Conditions {
		if have := m.modified(c.Key); have != c.ModifyIndex {
			return 0, &store.ConflictError{Key: c.Key, Want: c.ModifyIndex, Have: have}
		}
	}
	if len(txn.Writes) == 0 {
		return m.index, nil
	}
	m.index++
	for _, w := range txn.Writes {
		old := m.objects[w.Key()]
		c := store.Change{Index: m.index, Key: w.Key(), Old: old}
		if w.Put == nil {
			delete(m.objects, w.Key())
		} else {
			c.New = clone(w.Put)
			create := m.index
			if old != nil {
				create, _ = old.Indexes()
			}
			c.New.SetIndexes(create, m.index)
			m.objects[c.Key] = c.New
		}
		if c.Old != nil || c.New != nil {
			m.changes = append(m.changes, c)
		}
	}
	return m.index, nil
}

func clone(o api.Object) api.Object {
	c, err := api.Clone(o)
	if err != nil {
		panic(err) // the suite's own objects can be cloned
	}
	return c
}

func (m *model) modified(key api.Key) uint64 {
	o, ok := m.objects[key]
	if !ok {
		return 0
	}
	_, modify := o.Indexes()
	return modify
}

// restore puts back what copy returned.
func (m *model) restore(saved *model) {
	m.index = max(m.index, saved.index) + 1
	m.objects = maps.Clone(saved.objects)
	m.changes, m.resync = nil, m.index
}

func (m *model) query(q store.Query) []api.Object {
	var out []api.Object
	for key, o := range m.objects {
		switch {
		case key.Kind != q.Kind,
			q.Namespace != "" && q.Namespace != namespaceOf(o),
			!strings.HasPrefix(key.ID, q.IDPrefix),
			q.Index != "" && (q.Value == "" || !listed(o, q.Index, q.Value)),
			q.After != nil && compareKeys(key, *q.After) <= 0:
			continue
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b api.Object) int { return compareKeys(a.Key(), b.Key()) })
	return out
}

func compareKeys(a, b api.Key) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.ID, b.ID))
}

func namespaceOf(o api.Object) string {
	switch o := o.(type) {
	case *api.Allocation:
		return o.Namespace
	case *api.AllocationStatus:
		return o.Namespace
	case *api.Evaluation:
		return o.Namespace
	case *api.Deployment:
		return o.Namespace
	}
	return o.Key().Namespace
}

// listed reports whether an index lists an object under a value.
func listed(o api.Object, index store.IndexName, value string) bool {
	if s, ok := o.(*api.AllocationStatus); ok && index == store.ByService {
		for _, service := range s.Services {
			if value == store.ServiceValue(s.Namespace, service.Name) || value == store.ServiceValue(s.Namespace, "") {
				return true
			}
		}
		return false
	}
	if a, ok := o.(*api.Allocation); ok && index == store.ByVolume {
		return slices.ContainsFunc(a.Claims, func(c api.VolumeClaim) bool { return store.VolumeValue(a.Namespace, c.Volume) == value })
	}
	return indexValue(o, index) == value
}

// indexValue is what store.go says of each index that lists an object once.
func indexValue(o api.Object, index store.IndexName) string {
	job := func(ns, id string) string {
		if id == "" {
			return ""
		}
		return store.JobValue(ns, id)
	}
	values := map[store.IndexName]string{}
	switch o := o.(type) {
	case *api.Job:
		values[store.ByParent] = job(api.Deref(o.Namespace), api.Deref(o.ParentID))
	case *api.JobVersion:
		values[store.ByJob] = job(*o.Job.Namespace, *o.Job.ID)
	case *api.JobStatus:
		values[store.ByStatus] = o.Status
	case *api.Allocation:
		values = map[store.IndexName]string{
			store.ByJob: job(o.Namespace, o.JobID), store.ByNode: o.NodeID,
			store.ByDeployment: o.DeploymentID, store.ByEval: o.EvalID,
		}
		if o.Lost == api.AllocClientLost {
			values[store.ByEnd] = store.Ended
		}
	case *api.AllocationStatus:
		values = map[store.IndexName]string{store.ByJob: job(o.Namespace, o.JobID), store.ByNode: o.NodeID}
		if slices.Contains([]string{api.AllocClientComplete, api.AllocClientFailed, api.AllocClientLost}, o.ClientStatus) {
			values[store.ByEnd] = store.Ended
		}
	case *api.Evaluation:
		values = map[store.IndexName]string{store.ByJob: job(o.Namespace, o.JobID), store.ByStatus: o.Status}
		if o.Status == api.EvalPending || o.Status == api.EvalBlocked {
			values[store.ByOpenJob] = values[store.ByJob]
		}
	case *api.Deployment:
		values = map[store.IndexName]string{store.ByJob: job(o.Namespace, o.JobID), store.ByStatus: o.Status}
	case *api.Node:
		values[store.ByPool] = o.NodePool
	case *api.NodeStatus:
		values[store.ByStatus] = o.Status
	}
	return values[index]
}
