package nodeagent

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/checks"
	"github.com/droverhq/drover/nodeagent/env"
)

// offer is the services that an allocation offers when it runs, with everything in
// them replaced by what it stands for. It does not change.
type offer struct {
	version  uint64 // of the job
	canary   bool
	network  *api.AllocNetworkStatus
	services []*offered
}

// offered is one service of an offer. It is reported as it is for as long as the
// offer is the same.
type offered struct {
	task     string // empty: the group's
	instance *api.ServiceInstance
	checks   []offeredCheck
}

// offeredCheck is a check of a service that is offered.
type offeredCheck struct {
	spec    checks.Spec
	name    string
	mode    string
	restart string // the task to restart when it fails too often; empty: all
}

// newOffer returns the offer of an allocation on a node.
func newOffer(al *api.Allocation, job *api.Job, node *api.Node, region string, network *api.AllocNetworkStatus) *offer {
	o := &offer{version: al.JobVersion, canary: al.IsCanary(), network: network}
	g := job.Group(al.TaskGroup)
	if g == nil {
		return o
	}
	for _, s := range g.NativeServices() {
		task := g.Task(s.Task)
		if task == nil {
			task = &api.Task{}
		}
		b := binder{
			al: al, group: g, service: s, canary: o.canary, node: node, network: network,
			vars: env.Build(env.Input{Alloc: al, Job: job, Group: g, Task: task, Node: node, Region: region, Network: network}),
		}
		o.services = append(o.services, b.bind())
	}
	return o
}

// binder makes a service that is offered of one that a job has.
type binder struct {
	al      *api.Allocation
	group   *api.TaskGroup
	service api.NativeService
	canary  bool
	node    *api.Node
	network *api.AllocNetworkStatus // nil: that of the node
	vars    *env.Vars
}

func (b *binder) bind() *offered {
	s := b.service
	tags, meta := s.Tags, s.Meta
	if b.canary && len(s.CanaryTags) > 0 {
		tags = s.CanaryTags
	}
	if b.canary && len(s.CanaryMeta) > 0 {
		meta = s.CanaryMeta
	}
	host, port := b.address(s.PortLabel, s.AddressMode)
	if s.Address != "" {
		host = b.vars.Replace(s.Address)
	}
	name := b.vars.Replace(s.Name)
	o := &offered{task: s.Task, instance: &api.ServiceInstance{
		ID:      api.ServiceID(b.al.ID, b.al.TaskGroup, s.Task, name, b.vars.Replace(s.PortLabel)),
		Name:    name,
		Task:    s.Task,
		Address: host,
		Port:    port,
		Tags:    b.vars.ReplaceAll(tags),
	}}
	if len(meta) > 0 {
		o.instance.Meta = b.vars.ReplaceTexts(meta)
	}
	for _, c := range s.Checks {
		o.checks = append(o.checks, b.check(c))
	}
	return o
}

// Modes of addresses: where a service or check is found. Others are that of the node.
const (
	modeAlloc  = "alloc"
	modeDriver = "driver" // where the driver gives tasks an address of their own: here the allocation's
	modeIPv6   = "alloc_ipv6"
)

// address returns where a port of the allocation is found: one with a label, or one
// with a number. Without either there is no port.
func (b *binder) address(label, mode string) (host string, port int) {
	label = b.vars.Replace(label)
	if b.network != nil && (mode == modeAlloc || mode == modeDriver || mode == modeIPv6) {
		return b.ownAddress(label, mode)
	}
	for _, p := range b.al.Ports {
		if p.Label == label {
			return p.HostIP, p.Value
		}
	}
	if b.node != nil {
		host = b.node.Attributes["unique.network.ip-address"]
	}
	if len(b.al.Ports) > 0 {
		host = b.al.Ports[0].HostIP
	}
	port, err := strconv.Atoi(label)
	if err != nil {
		port = 0
	}
	return host, port
}

// ownAddress returns where a port is found in the allocation's own network.
func (b *binder) ownAddress(label, mode string) (host string, port int) {
	host = b.network.Address
	if mode == modeIPv6 {
		host = b.network.AddressIPv6
	}
	for _, p := range b.al.Ports {
		if p.Label == label {
			return host, p.Inside()
		}
	}
	port, err := strconv.Atoi(label)
	if err != nil {
		port = 0
	}
	return host, port
}

// checkAddress returns where a check reaches its service. One without a port of its own
// goes where the service is found.
func (b *binder) checkAddress(c *api.ServiceCheck) (host string, port int) {
	if c.PortLabel != "" {
		return b.address(c.PortLabel, c.AddressMode)
	}
	return b.address(b.service.PortLabel, cmp.Or(c.AddressMode, b.service.AddressMode))
}

func (b *binder) check(c *api.ServiceCheck) offeredCheck {
	host, port := b.checkAddress(c)
	spec := checks.Spec{
		ID:            api.CheckID(b.al.ID, b.service.Task, b.service.Service, c),
		Type:          strings.ToLower(c.Type),
		Address:       net.JoinHostPort(host, strconv.Itoa(port)),
		Scheme:        "http",
		Path:          b.vars.Replace(c.Path),
		Method:        b.vars.Replace(c.Method),
		Body:          b.vars.Replace(c.Body),
		TLSServerName: b.vars.Replace(c.TLSServerName),
		TLSSkipVerify: c.TLSSkipVerify,
		Interval:      c.Interval,
		Timeout:       c.Timeout,
	}
	if strings.EqualFold(c.Protocol, "https") {
		spec.Scheme = "https"
	}
	if len(c.Header) > 0 {
		spec.Header = make(map[string][]string, len(c.Header))
		for name, values := range c.Header {
			spec.Header[b.vars.Replace(name)] = b.vars.ReplaceAll(values)
		}
	}
	if c.InitialStatus == initialPassing {
		spec.Initial = api.CheckSuccess
	}
	out := offeredCheck{
		name: b.vars.Replace(c.Name), mode: api.CheckMode(c),
		restart: cmp.Or(b.service.Task, c.TaskName, b.service.TaskName),
	}
	if r := c.CheckRestart; r != nil {
		spec.Limit, spec.Grace = r.Limit, api.Deref(r.Grace)
	}
	out.spec = spec
	return out
}

// initialPassing is the initial_status of a check that is taken to pass before it has
// been made.
const initialPassing = "passing"

// offered returns what the allocation offers. It is called with mu held.
func (r *runner) offered() *offer {
	network := r.life.Site().Status
	if r.offer == nil || r.offer.version != r.desired.JobVersion || r.offer.canary != r.desired.IsCanary() || r.offer.network != network {
		r.offer = newOffer(r.desired, r.job, r.a.node.Load(), r.a.opts.Region, network)
	}
	return r.offer
}

// serve brings the checks that are made to what serves now, and adds to a status which
// services can be found and how their checks do. A check without a result is not
// reported. It is called with mu held.
func (r *runner) serve(s *api.AllocationStatus) {
	services := r.offered().services
	if len(services) == 0 && len(r.watched) == 0 {
		return
	}
	var wanted []checks.Spec
	results := make(map[string]*api.CheckState, len(r.checked))
	for _, o := range services {
		start, ok := r.life.Serves(o.task)
		if !ok {
			continue
		}
		s.Services = append(s.Services, o.instance)
		for _, c := range o.checks {
			c.spec.Start = start
			wanted = append(wanted, c.spec)
			if state := r.checked[c.spec.ID]; state != nil {
				results[c.spec.ID] = state
				s.Checks = append(s.Checks, state)
			}
		}
	}
	r.checked = results
	same := func(a, b checks.Spec) bool {
		return a.ID == b.ID && a.Start == b.Start && a.Limit == b.Limit && a.Grace == b.Grace
	}
	if !slices.EqualFunc(wanted, r.watched, same) {
		r.watched = wanted
		r.a.checks.Set(r.id, wanted, r.hear)
	}
}

// hear takes news of a check.
func (r *runner) hear(n checks.News) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.findCheck(n.Result.ID)
	if c == nil {
		return
	}
	if n.Turned {
		r.checked[n.Result.ID] = checkState(n.Result)
		r.log.V(1).Info("check turned", "check", c.name, "status", n.Result.Status, "output", n.Result.First.Output)
		r.stale = true
		r.enqueue()
	}
	if n.Restart {
		reason := fmt.Sprintf("healthcheck: check %q unhealthy", c.name)
		r.log.Info("restarting what its check finds unhealthy", "check", c.name, "task", c.restart, "output", n.Result.Last.Output)
		r.enqueue(alloc.Restart{Task: c.restart, Reason: reason, Unwell: true})
	}
}

// findCheck returns a check of what serves, or nil. It is called with mu held.
func (r *runner) findCheck(id string) *offeredCheck {
	if !slices.ContainsFunc(r.watched, func(s checks.Spec) bool { return s.ID == id }) {
		return nil
	}
	for _, o := range r.offered().services {
		for i := range o.checks {
			if o.checks[i].spec.ID == id {
				return &o.checks[i]
			}
		}
	}
	return nil
}

func checkState(res checks.Result) *api.CheckState {
	out := res.First.Output
	if len(out) > api.MaxCheckOutput {
		out = strings.ToValidUTF8(out[:api.MaxCheckOutput], "")
	}
	return &api.CheckState{
		ID: res.ID, Status: res.Status, Since: res.Since.UnixNano(), Code: res.First.Code, Output: out,
	}
}

// results returns how the checks of what serves do, by ID.
func (r *runner) results() map[string]*api.CheckResult {
	now := time.Now()
	latest := map[string]checks.Result{}
	for _, res := range r.a.checks.Results(r.id) {
		latest[res.ID] = res
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]*api.CheckResult{}
	for _, o := range r.offered().services {
		for _, c := range o.checks {
			res, ok := latest[c.spec.ID]
			if !ok {
				continue
			}
			at := res.At
			if at.IsZero() {
				at = now
			}
			out[c.spec.ID] = &api.CheckResult{
				ID: c.spec.ID, Mode: c.mode, Status: res.Status, StatusCode: res.Last.Code, Output: res.Last.Output,
				Timestamp: at.Unix(), Group: r.desired.Name, Task: o.task, Service: o.instance.Name, Check: c.name,
			}
		}
	}
	return out
}
