package fleet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
)

// Options says what fleet to simulate.
type Options struct {
	Servers  []string // session addresses; nodes are spread over them
	Nodes    int
	First    int   // number in the name of the first node
	CPU      int64 // MHz per node; default 32,000
	MemoryMB int64 // per node; default 65,536
	// RunFor is how long the tasks of batch jobs run.
	RunFor time.Duration
}

// Fleet is a set of simulated nodes. Its methods may be called concurrently.
type Fleet struct {
	opts      Options
	nodes     []*node
	byID      map[string]*node
	specs     specs
	connected atomic.Int64
	running   atomic.Int64
	stored    atomic.Int64
	lost      atomic.Int64
	latencies Latencies
}

// New returns a fleet whose nodes have not connected yet.
func New(o Options) *Fleet {
	if o.CPU == 0 {
		o.CPU = 32_000
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = 65_536
	}
	f := &Fleet{opts: o, byID: make(map[string]*node, o.Nodes)}
	for i := range o.Nodes {
		n := newNode(f, o.First+i)
		f.nodes = append(f.nodes, n)
		f.byID[n.facts.ID] = n
	}
	return f
}

// Connected is how many nodes have a session now.
func (f *Fleet) Connected() int { return int(f.connected.Load()) }

// Running is how many allocations the nodes have said to be running and not to have
// ended.
func (f *Fleet) Running() int { return int(f.running.Load()) }

// Stored is how many of these a server has said to have stored as running.
func (f *Fleet) Stored() int { return int(f.stored.Load()) }

// Latencies is how long it took from the submission of a job, by the server's clock,
// until its node was told that an instance is stored as running.
func (f *Fleet) Latencies() *Latencies { return &f.latencies }

// Run connects the nodes and keeps them connected until ctx is cancelled.
func (f *Fleet) Run(ctx context.Context) {
	var nodes sync.WaitGroup
	defer nodes.Wait()
	for _, n := range f.nodes {
		nodes.Go(func() { n.stayConnected(ctx) })
	}
}

// Lose takes the next count nodes away for good, without a word to the server.
func (f *Fleet) Lose(count int) {
	end := min(int(f.lost.Add(int64(count))), len(f.nodes))
	for _, n := range f.nodes[max(0, end-count):end] {
		n.lose()
	}
}

// Fail has a running allocation fail, and reports whether the fleet has its node.
func (f *Fleet) Fail(ctx context.Context, nodeID, allocID string) bool {
	n := f.byID[nodeID]
	if n == nil {
		return false
	}
	select {
	case n.failing <- allocID:
		return true
	case <-ctx.Done():
		return false
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

// specs is what nodes have to know of job versions, shared by all of them: each job
// comes to thousands of nodes.
type specs struct {
	mu    sync.Mutex // guards known
	known map[specKey]*spec
}

type specKey struct {
	namespace, job string
	version        uint64
}

// spec is what a node has to know of a job version.
type spec struct {
	namespace, job string
	submitted      time.Time
	groups         map[string]task
}

// task is the first one of a group.
type task struct {
	name   string
	runFor time.Duration // 0: until it is stopped
}

func (s *specs) get(namespace, job string, version uint64) *spec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[specKey{namespace, job, version}]
}

func (s *specs) add(j *api.Job, runFor time.Duration) {
	key := specKey{api.Deref(j.Namespace), api.Deref(j.ID), api.Deref(j.Version)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[key] != nil {
		return
	}
	if s.known == nil {
		s.known = make(map[specKey]*spec)
	}
	new := &spec{namespace: key.namespace, job: key.job, submitted: time.Unix(0, api.Deref(j.SubmitTime)), groups: map[string]task{}}
	for _, g := range j.TaskGroups {
		t := task{name: g.Tasks[0].Name}
		if j.IsBatch() {
			t.runFor = max(runFor, 1)
			if text, ok := g.Tasks[0].Config["run_for"].(string); ok {
				if d, err := time.ParseDuration(text); err == nil {
					t.runFor = max(d, 1)
				}
			}
		}
		new.groups[api.Deref(g.Name)] = t
	}
	s.known[key] = new
}
