package httpapi

import (
	"cmp"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/store"
)

// The register of services is not stored: it is what the statuses of allocations
// offer, less the allocations that are to stop, were lost with their nodes, or were
// taken out of it by an operator.

// serviceRoutes are those of services and their checks.
func serviceRoutes() []route {
	return []route{
		{pattern: "services", get: query(servicesOf(""), listServices)},
		{pattern: "service/{service}", get: query(servicesOf("service"), readService)},
		{pattern: "service/{service}/{id}", del: withdrawService},
		{
			pattern: "job/{job...}/services",
			get:     query(ofJob(itself, indexed(api.KindAllocation, api.KindAllocationStatus)), readJobServices),
		},
		{
			pattern: "allocation/{alloc}/services",
			get:     query(object("alloc", api.KindAllocation, api.KindAllocationStatus), readAllocationServices),
		},
		{
			pattern: "allocation/{alloc}/checks",
			get:     query(object("alloc", api.KindAllocation, api.KindAllocationStatus), readAllocationChecks),
		},
		{pattern: "client/allocation/{alloc}/checks", get: proxyAllocation},
	}
}

// servicesOf is the instances of the service that a part of the path names, or of all
// services if there is no such part.
func servicesOf(part string) topics {
	return func(s store.Snapshot, c *call) []watch.Topic {
		var all []watch.Topic
		if c.namespaces() == "" {
			all = append(all, watch.Kind(api.KindNamespace)) // one that is new may have services soon
		}
		for _, namespace := range c.serviceNamespaces(s) {
			all = append(all, watch.Service(namespace, c.path[part]), watch.ServiceOwners(namespace))
		}
		return all
	}
}

// serviceNamespaces are the namespaces whose services a call is about, in order.
func (c *call) serviceNamespaces(s store.Snapshot) []string {
	if ns := c.namespaces(); ns != "" {
		return []string{ns}
	}
	var all []string
	for ns := range store.List[*api.Namespace](s, store.Query{}) {
		all = append(all, ns.Name)
	}
	return all
}

// registrations yields the services that an allocation offers, as they are shown.
// status may be nil.
func registrations(s store.Snapshot, a *api.Allocation, status *api.AllocationStatus) iter.Seq[*api.ServiceRegistration] {
	return func(yield func(*api.ServiceRegistration) bool) {
		if status == nil || len(status.Services) == 0 || !a.WantsRun() || a.Lost == api.AllocClientLost {
			return
		}
		datacenter := ""
		if n := get[*api.Node](s, api.Key{Kind: api.KindNode, ID: a.NodeID}); n != nil {
			datacenter = n.Datacenter
		}
		for _, i := range status.Services {
			if a.Withdrawn[i.ID] {
				continue
			}
			tags := i.Tags
			if tags == nil {
				tags = []string{}
			}
			if !yield(&api.ServiceRegistration{
				ID: i.ID, ServiceName: i.Name, Namespace: a.Namespace, NodeID: a.NodeID, Datacenter: datacenter,
				JobID: a.JobID, AllocID: a.ID, Tags: tags, Address: i.Address, Port: i.Port, Meta: i.Meta,
				CreateIndex: status.CreateIndex, ModifyIndex: status.ModifyIndex,
			}) {
				return
			}
		}
	}
}

// instancesOf yields the instances of a service of a namespace, of any service if it
// has no name.
func instancesOf(s store.Snapshot, namespace, name string) iter.Seq[*api.ServiceRegistration] {
	return func(yield func(*api.ServiceRegistration) bool) {
		q := store.Query{Index: store.ByService, Value: store.ServiceValue(namespace, name)}
		for status := range store.List[*api.AllocationStatus](s, q) {
			a := get[*api.Allocation](s, api.Key{Kind: api.KindAllocation, ID: status.ID})
			if a == nil {
				continue
			}
			for r := range registrations(s, a, status) {
				if (name == "" || r.ServiceName == name) && !yield(r) {
					return
				}
			}
		}
	}
}

// listServices is GET /v1/services.
func listServices(s store.Snapshot, c *call) (any, error) {
	lists := []*api.ServiceList{}
	for _, namespace := range c.serviceNamespaces(s) {
		tags := map[string]map[string]bool{} // by service
		for r := range instancesOf(s, namespace, "") {
			if tags[r.ServiceName] == nil {
				tags[r.ServiceName] = map[string]bool{}
			}
			for _, tag := range r.Tags {
				tags[r.ServiceName][tag] = true
			}
		}
		if len(tags) == 0 {
			continue
		}
		list := &api.ServiceList{Namespace: namespace}
		for name, of := range tags {
			list.Services = append(list.Services, &api.ServiceStub{ServiceName: name, Tags: sortedKeys(of)})
		}
		slices.SortFunc(list.Services, func(a, b *api.ServiceStub) int { return cmp.Compare(a.ServiceName, b.ServiceName) })
		lists = append(lists, list)
	}
	return lists, nil
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// readService is GET /v1/service/NAME. With ?choose=N|KEY it answers with N of the
// instances only, for the same key with the same ones while they are there.
func readService(s store.Snapshot, c *call) (any, error) {
	var all []*api.ServiceRegistration
	for _, namespace := range c.serviceNamespaces(s) {
		all = slices.AppendSeq(all, instancesOf(s, namespace, c.path["service"]))
	}
	if choose := c.query.Get("choose"); choose != "" {
		n, key, err := parseChoose(choose)
		if err != nil {
			return nil, err
		}
		return chosen(all, n, key), nil
	}
	return registrationList(slices.Values(all)).answer(c)
}

func registrationList(items iter.Seq[*api.ServiceRegistration]) listing[*api.ServiceRegistration] {
	return listing[*api.ServiceRegistration]{
		items: items,
		key:   func(r *api.ServiceRegistration) string { return r.ID },
		view:  func(r *api.ServiceRegistration) any { return r },
	}
}

func parseChoose(choose string) (n int, key string, err error) {
	count, key, ok := strings.Cut(choose, "|")
	n, err = strconv.Atoi(count)
	if !ok || key == "" || err != nil || n < 1 {
		return 0, "", malformed("choose=%q is not of the form NUMBER|KEY, such as 2|my-address", choose)
	}
	return n, key, nil
}

// chosen returns the n instances that have the highest hash with the key: one that
// comes or goes changes the choice of few keys.
func chosen(all []*api.ServiceRegistration, n int, key string) []*api.ServiceRegistration {
	weight := func(r *api.ServiceRegistration) uint64 { return xxhash.Sum64String(key + "\x00" + r.ID) }
	slices.SortFunc(all, func(a, b *api.ServiceRegistration) int {
		return cmp.Or(cmp.Compare(weight(b), weight(a)), cmp.Compare(a.ID, b.ID))
	})
	return append([]*api.ServiceRegistration{}, all[:min(n, len(all))]...)
}

// readJobServices is GET /v1/job/ID/services.
func readJobServices(s store.Snapshot, c *call) (any, error) {
	namespace, id := c.jobOf()
	if get[*api.Job](s, api.JobKey(namespace, id)) == nil {
		return nil, notFound("job")
	}
	ofJob := store.Query{Index: store.ByJob, Value: store.JobValue(namespace, id)}
	return registrationList(func(yield func(*api.ServiceRegistration) bool) {
		for a, status := range store.Joined(s, ofJob) {
			for r := range registrations(s, a, status) {
				if !yield(r) {
					return
				}
			}
		}
	}).answer(c)
}

// readAllocationServices is GET /v1/allocation/ID/services.
func readAllocationServices(s store.Snapshot, c *call) (any, error) {
	a, err := c.allocation(s)
	if err != nil {
		return nil, err
	}
	status := get[*api.AllocationStatus](s, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
	return registrationList(registrations(s, a, status)).answer(c)
}

// withdrawService is DELETE /v1/service/NAME/ID: the instance is found no more, for as
// long as its allocation runs.
func withdrawService(c *call) error {
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		for r := range instancesOf(s, c.namespace(), c.path["service"]) {
			if r.ID != c.path["id"] {
				continue
			}
			a := get[*api.Allocation](s, api.Key{Kind: api.KindAllocation, ID: r.AllocID})
			after, err := api.Clone(a)
			if err != nil {
				return store.Txn{}, err
			}
			if after.Withdrawn == nil {
				after.Withdrawn = map[string]bool{}
			}
			after.Withdrawn[r.ID] = true
			after.ModifyTime = c.api.now().UnixNano()
			return store.Txn{Conditions: []store.Condition{store.Unchanged(a)}, Writes: []store.Write{store.Put(after)}}, nil
		}
		return store.Txn{}, notFound("service registration")
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return c.send("application/json", func(io.Writer) error { return nil })
}

// readAllocationChecks is GET /v1/allocation/ID/checks: how the checks of an allocation
// did when one of them last turned. Its node agent knows more, if it is there.
func readAllocationChecks(s store.Snapshot, c *call) (any, error) {
	a, err := c.allocation(s)
	if err != nil {
		return nil, err
	}
	out := map[string]*api.CheckResult{}
	status := get[*api.AllocationStatus](s, api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
	job := newView(s).version(a.Namespace, a.JobID, a.JobVersion)
	if status == nil || job == nil || job.Group(a.TaskGroup) == nil {
		return out, nil
	}
	for _, service := range job.Group(a.TaskGroup).NativeServices() {
		for _, check := range service.Checks {
			id := api.CheckID(a.ID, service.Task, service.Service, check)
			r := &api.CheckResult{
				ID: id, Mode: api.CheckMode(check), Status: api.CheckPending, Timestamp: status.ModifyTime / 1e9,
				Group: a.Name, Task: service.Task, Service: service.Name, Check: check.Name,
			}
			if state := status.Check(id); state != nil {
				r.Status, r.StatusCode, r.Output, r.Timestamp = state.Status, state.Code, state.Output, state.Since/1e9
			}
			if len(status.Services) > 0 { // else nothing serves, and nothing is checked
				out[id] = r
			}
		}
	}
	return out, nil
}
