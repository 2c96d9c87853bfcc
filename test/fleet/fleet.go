package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
)

// Options says what fleet to simulate.
type Options struct {
	Servers  []string // session addresses; nodes are spread over them
	Nodes    int
	CPU      int64 // MHz per node; default 32,000
	MemoryMB int64 // per node; default 65,536
	// RunFor is how long the tasks of batch jobs run.
	RunFor time.Duration
}

// Fleet is a set of simulated nodes.
type Fleet struct {
	opts      Options
	nodes     []*node
	connected atomic.Int64
	running   atomic.Int64
}

// New returns a fleet whose nodes have not connected yet.
func New(o Options) *Fleet {
	if o.CPU == 0 {
		o.CPU = 32_000
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = 65_536
	}
	f := &Fleet{opts: o}
	for i := range o.Nodes {
		f.nodes = append(f.nodes, newNode(f, i))
	}
	return f
}

// Connected is how many nodes have a session now.
func (f *Fleet) Connected() int { return int(f.connected.Load()) }

// Running is how many allocations the nodes have said to be running and not to have
// ended.
func (f *Fleet) Running() int { return int(f.running.Load()) }

// Run connects the nodes and keeps them connected until ctx is cancelled.
func (f *Fleet) Run(ctx context.Context) {
	var nodes sync.WaitGroup
	defer nodes.Wait()
	for _, n := range f.nodes {
		nodes.Go(func() { n.stayConnected(ctx) })
	}
}

// node is one simulated node.
type node struct {
	fleet  *Fleet
	facts  *api.Node
	server int
	allocs map[string]*instance
	jobs   map[api.Key]*api.Job
	seq    uint64
}

// instance is an allocation that a node has been given.
type instance struct {
	alloc *api.Allocation
	state string
}

func newNode(f *Fleet, i int) *node {
	return &node{
		fleet: f, server: i, facts: facts(f.opts, i),
		allocs: map[string]*instance{}, jobs: map[api.Key]*api.Job{},
	}
}

func facts(o Options, i int) *api.Node {
	n := &api.Node{
		ID: uuid.NewString(), SecretID: uuid.NewString(), Name: fmt.Sprintf("sim-%d", i),
		Datacenter: "dc1", NodePool: api.DefaultNodePool,
		Attributes: map[string]string{"kernel.name": "linux", "driver.raw_exec": "1", "nomad.version": "2.0.6", "nomad.service_discovery": "true"},
		Drivers:    map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true, HealthDescription: "pretends"}},
		Resources: &api.NodeResources{
			Cpu: api.NodeCPUResources{CpuShares: o.CPU}, Memory: api.NodeMemoryResources{MemoryMB: o.MemoryMB},
			Disk: api.NodeDiskResources{DiskMB: 1 << 24}, MinDynamicPort: 20_000, MaxDynamicPort: 32_000,
		},
		ReservedResources: &api.NodeReservedResources{},
	}
	n.ComputedClass = api.ComputeClass(n)
	return n
}

// reconnectMax is how long a node waits at most before it tries again.
const reconnectMax = time.Second

func (n *node) stayConnected(ctx context.Context) {
	for ctx.Err() == nil {
		err := n.session(ctx)
		if ctx.Err() != nil || errors.Is(err, errRefused) {
			return
		}
		n.server++
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(reconnectMax)):
		}
	}
}

var errRefused = errors.New("refused for good")

// session holds one session to its end.
func (n *node) session(ctx context.Context) error {
	conn, err := session.Dial(ctx, n.fleet.opts.Servers[n.server%len(n.fleet.opts.Servers)])
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Send(ctx, &session.Frame{Hello: &session.Hello{Version: session.Version, Node: n.facts}}); err != nil {
		return err
	}
	answer, err := conn.Recv(ctx)
	if err != nil {
		return err
	}
	if answer.Welcome == nil {
		if answer.Refused != nil && !answer.Refused.Retry {
			return fmt.Errorf("%w: %s", errRefused, answer.Refused.Reason)
		}
		return errors.New("not welcome")
	}
	n.fleet.connected.Add(1)
	defer n.fleet.connected.Add(-1)
	return n.serve(ctx, conn)
}

// serve answers what the server says should run.
func (n *node) serve(ctx context.Context, conn *session.Conn) error {
	done := newTimers()
	received := make(chan *session.Frame)
	recvCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	var receiver sync.WaitGroup
	defer receiver.Wait()
	defer cancel()
	receiver.Go(func() { failed <- receive(recvCtx, conn, received) })
	for {
		var statuses []*api.AllocationStatus
		select {
		case err := <-failed:
			return err
		case f := <-received:
			if f.Desired == nil {
				continue
			}
			statuses = n.take(f.Desired, done)
		case <-done.next():
			statuses = n.complete(done.due())
		}
		if err := n.report(ctx, conn, statuses); err != nil {
			return err
		}
	}
}

func receive(ctx context.Context, conn *session.Conn, out chan<- *session.Frame) error {
	for {
		f, err := conn.Recv(ctx)
		if err != nil {
			return err
		}
		select {
		case out <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take makes the node's instances what the server wants and returns their news.
func (n *node) take(d *session.Desired, done *timers) []*api.AllocationStatus {
	for _, j := range d.Jobs {
		n.jobs[j.Key()] = j
	}
	if d.Full {
		n.forgetBut(d)
	}
	for _, id := range d.Removed {
		n.forget(id)
	}
	var news []*api.AllocationStatus
	for _, a := range d.Allocations {
		in := n.allocs[a.ID]
		if in == nil {
			in = &instance{alloc: a, state: api.AllocClientPending}
			n.allocs[a.ID] = in
		}
		in.alloc = a
		switch {
		case !a.WantsRun() && !ended(in.state):
			news = append(news, n.move(in, api.AllocClientComplete))
		case a.WantsRun() && in.state == api.AllocClientPending:
			news = append(news, n.move(in, api.AllocClientRunning))
			if a.JobType == api.JobTypeBatch {
				done.add(a.ID, n.fleet.opts.RunFor)
			}
		case in.state == api.AllocClientRunning:
			news = append(news, n.status(in)) // reconnected, or updated in place
		}
	}
	return news
}

// forgetBut forgets what a full set does not have.
func (n *node) forgetBut(d *session.Desired) {
	keep := map[string]bool{}
	for _, a := range d.Allocations {
		keep[a.ID] = true
	}
	for _, id := range append(d.Ended, d.Later...) {
		keep[id] = true
	}
	for id := range n.allocs {
		if !keep[id] {
			n.forget(id)
		}
	}
}

func (n *node) forget(id string) {
	if in := n.allocs[id]; in != nil && in.state == api.AllocClientRunning {
		n.fleet.running.Add(-1)
	}
	delete(n.allocs, id)
}

func ended(state string) bool {
	return state == api.AllocClientComplete || state == api.AllocClientFailed
}

func (n *node) complete(allocIDs []string) []*api.AllocationStatus {
	var news []*api.AllocationStatus
	for _, id := range allocIDs {
		if in := n.allocs[id]; in != nil && in.state == api.AllocClientRunning {
			news = append(news, n.move(in, api.AllocClientComplete))
		}
	}
	return news
}

func (n *node) move(in *instance, state string) *api.AllocationStatus {
	if state == api.AllocClientRunning {
		n.fleet.running.Add(1)
	} else if in.state == api.AllocClientRunning {
		n.fleet.running.Add(-1)
	}
	in.state = state
	return n.status(in)
}

// status is what an agent would say of the instance.
func (n *node) status(in *instance) *api.AllocationStatus {
	a, now := in.alloc, time.Now()
	s := &api.AllocationStatus{
		ID: a.ID, NodeID: a.NodeID, Namespace: a.Namespace, JobID: a.JobID,
		ClientStatus: in.state, ModifyTime: now.UnixNano(), TaskStates: map[string]*api.TaskState{},
	}
	task := "task"
	if j := n.jobs[api.JobKey(a.Namespace, a.JobID)]; j != nil {
		if g := j.Group(a.TaskGroup); g != nil {
			task = g.Tasks[0].Name
		}
	}
	ts := &api.TaskState{State: api.TaskStateRunning, StartedAt: &now}
	ts.Events = []*api.TaskEvent{{Type: api.EventStarted, Time: now.UnixNano(), DisplayMessage: "Task started by client"}}
	if ended(in.state) {
		ts.State, ts.FinishedAt = api.TaskStateDead, &now
	}
	s.TaskStates[task] = ts
	return s
}

// reportMax is how many statuses go into one frame.
const reportMax = 1000

func (n *node) report(ctx context.Context, conn *session.Conn, statuses []*api.AllocationStatus) error {
	for len(statuses) > 0 {
		k := min(len(statuses), reportMax)
		n.seq++
		err := conn.Send(ctx, &session.Frame{Statuses: &session.StatusBatch{Seq: n.seq, Statuses: statuses[:k]}})
		if err != nil {
			return err
		}
		statuses = statuses[k:]
	}
	return nil
}
