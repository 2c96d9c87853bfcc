package nodeagent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
	"github.com/droverhq/drover/nodeagent/fingerprint"
	"github.com/droverhq/drover/session"
)

func TestMain(m *testing.M) {
	playOther()
	goleak.VerifyTestMain(m)
}

// line is a connection in memory, so that sessions can be held in virtual time. The
// agent's end is a nodeagent.Session.
type line struct {
	up, down chan *session.Frame // from and to the agent
	closed   chan struct{}
	once     sync.Once
	heardMu  sync.Mutex // guards heard
	heard    time.Time  // when the server was last heard; zero: it still is
	// answers are what the cluster has to say, in order. It is far larger than any
	// test needs, so that nobody waits.
	answers chan *session.Frame
	open    bool // welcome has been said; the cluster's mu guards it
}

func newLine() *line {
	return &line{
		up: make(chan *session.Frame), down: make(chan *session.Frame), closed: make(chan struct{}),
		answers: make(chan *session.Frame, 100_000),
	}
}

func (l *line) Send(ctx context.Context, f *session.Frame) error { return l.put(ctx, l.up, f) }

func (l *line) Recv(ctx context.Context) (*session.Frame, error) { return l.take(ctx, l.down) }

func (l *line) put(ctx context.Context, c chan *session.Frame, f *session.Frame) error {
	select {
	case c <- f:
		return nil
	case <-l.closed:
		return io.ErrClosedPipe
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *line) take(ctx context.Context, c chan *session.Frame) (*session.Frame, error) {
	select {
	case f := <-c:
		return f, nil
	case <-l.closed:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (l *line) ServeHTTP(ctx context.Context, _ http.Handler) error {
	select {
	case <-l.closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *line) OpenStream(context.Context) (net.Conn, error) { return nil, io.ErrClosedPipe }

func (l *line) Close() error {
	l.cut()
	return nil
}

func (l *line) cut() {
	l.once.Do(func() {
		l.hush()
		close(l.closed)
	})
}

// hush lets nothing be heard of the server any more, which nobody notices before the
// line is cut.
func (l *line) hush() {
	l.heardMu.Lock()
	defer l.heardMu.Unlock()
	if l.heard.IsZero() {
		l.heard = time.Now()
	}
}

// Heard implements nodeagent.Session.
func (l *line) Heard() time.Time {
	l.heardMu.Lock()
	defer l.heardMu.Unlock()
	if l.heard.IsZero() {
		return time.Now()
	}
	return l.heard
}

// cluster is a server as a node agent sees it: what should run, and what has been
// reported.
type cluster struct {
	t testing.TB

	mu       sync.Mutex // guards the rest
	changed  *sync.Cond // something was reported
	wanted   map[string]*api.Allocation
	ended    map[string]bool
	jobs     map[api.Key]*api.Job
	statuses map[string]*api.AllocationStatus
	batches  int
	hellos   []*api.Node
	facts    []*api.Node // told after a hello
	leaves   []*session.Leave
	goodbye  bool
	refuse   *session.Refused
	down     bool
	deaf     bool // does not acknowledge
	line     *line
	conn     *session.Conn    // the same, if it is a real one
	sent     map[api.Key]bool // jobs that the session has had
	writes   map[string]int   // statuses taken, by allocation
	index    uint64
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{
		t: t, wanted: map[string]*api.Allocation{}, ended: map[string]bool{}, jobs: map[api.Key]*api.Job{},
		statuses: map[string]*api.AllocationStatus{}, writes: map[string]int{}, sent: map[api.Key]bool{},
	}
	c.changed = sync.NewCond(&c.mu)
	return c
}

var errDown = errors.New("connection refused")

// dial is the agent's Options.Dial.
func (c *cluster) dial(ctx context.Context, _ string) (nodeagent.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, errDown
	}
	l := newLine()
	c.line, c.sent = l, map[api.Key]bool{}
	go c.listen(l)
	go c.speak(l)
	return l, nil
}

func (c *cluster) listen(l *line) {
	for {
		f, err := l.take(context.Background(), l.up)
		if err != nil {
			return
		}
		c.answer(l, f)
	}
}

func (c *cluster) speak(l *line) {
	for {
		f, err := l.take(context.Background(), l.answers)
		if err != nil || l.put(context.Background(), l.down, f) != nil {
			return
		}
	}
}

func (c *cluster) answer(l *line, f *session.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.changed.Broadcast()
	switch {
	case f.Hello != nil:
		c.hellos = append(c.hellos, f.Hello.Node)
		if c.refuse != nil {
			l.answers <- &session.Frame{Refused: c.refuse}
			return
		}
		l.open = true
		l.answers <- &session.Frame{Welcome: &session.Welcome{ServerID: "s", SessionID: "x"}}
		l.answers <- &session.Frame{Desired: c.full()}
	case f.Statuses != nil:
		c.batches++
		for _, s := range f.Statuses.Statuses {
			if c.statuses[s.ID].Terminal() && c.statuses[s.ID].ClientStatus != s.ClientStatus {
				c.t.Errorf("allocation %s is %s after it was %s", s.ID, s.ClientStatus, c.statuses[s.ID].ClientStatus)
			}
			c.statuses[s.ID] = s
			c.writes[s.ID]++
		}
		if !c.deaf {
			l.answers <- &session.Frame{Ack: &session.StatusAck{Seq: f.Statuses.Seq}}
		}
	case f.Facts != nil:
		c.facts = append(c.facts, f.Facts)
	case f.Leave != nil:
		c.leaves = append(c.leaves, f.Leave)
	case f.Goodbye != nil:
		c.goodbye = true
	}
}

// full is called with mu held.
func (c *cluster) full() *session.Desired {
	c.index++
	d := &session.Desired{Index: c.index, Full: true, Reported: map[string]int64{}}
	for id, s := range c.statuses {
		d.Reported[id] = s.ModifyTime
	}
	for id, a := range c.wanted {
		if c.ended[id] || c.statuses[id].Terminal() {
			d.Ended = append(d.Ended, id)
			continue
		}
		c.add(d, a)
	}
	return d
}

func (c *cluster) add(d *session.Desired, a *api.Allocation) {
	d.Allocations = append(d.Allocations, a)
	key := api.JobVersionKey(a.Namespace, a.JobID, a.JobVersion)
	if j := c.jobs[key]; j != nil && !c.sent[key] {
		c.sent[key] = true
		d.Jobs = append(d.Jobs, j)
	}
}

// push sends a frame on the session that is open, if one is: a later one begins with
// the full set. It is called with mu held.
func (c *cluster) push(d *session.Desired) {
	if c.line != nil && c.line.open {
		c.line.answers <- &session.Frame{Desired: d}
	}
}

// run wants a new allocation of the job's only group and returns its ID.
func (c *cluster) run(j *api.Job) string {
	a := c.allocation(j)
	c.want(a)
	return a.ID
}

// allocation makes a new allocation of the job's only group.
func (c *cluster) allocation(j *api.Job) *api.Allocation {
	a := &api.Allocation{
		ID: uuid.NewString(), Namespace: *j.Namespace, JobID: *j.ID, JobVersion: *j.Version, TaskGroup: *j.TaskGroups[0].Name,
		Name: api.AllocName(*j.ID, *j.TaskGroups[0].Name, 0), DesiredStatus: api.AllocDesiredRun,
	}
	c.mu.Lock()
	if n := len(c.hellos); n > 0 {
		a.NodeID = c.hellos[n-1].ID
	}
	c.jobs[api.JobVersionKey(*j.Namespace, *j.ID, *j.Version)] = j
	c.mu.Unlock()
	return a
}

// want wants a newer state of an allocation.
func (c *cluster) want(a *api.Allocation) {
	c.mu.Lock()
	c.wanted[a.ID] = a
	c.index++
	d := &session.Desired{Index: c.index}
	c.add(d, a)
	c.push(d)
	c.mu.Unlock()
}

func (c *cluster) stop(id string) {
	c.mu.Lock()
	a := *c.wanted[id]
	c.mu.Unlock()
	a.DesiredStatus = api.AllocDesiredStop
	c.want(&a)
}

// forget removes an allocation from the store.
func (c *cluster) forget(id string) {
	c.mu.Lock()
	delete(c.wanted, id)
	delete(c.statuses, id)
	c.push(&session.Desired{Removed: []string{id}})
	c.mu.Unlock()
}

// hangUp ends the session.
func (c *cluster) hangUp() {
	c.mu.Lock()
	l := c.line
	c.mu.Unlock()
	l.cut()
}

func (c *cluster) set(f func(c *cluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

func (c *cluster) status(id string) *api.AllocationStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statuses[id]
}

// tally is what a cluster has seen of its agent.
type tally struct {
	batches, hellos int
	goodbye         bool
	writes          int // statuses of one allocation
}

func (c *cluster) tally(id string) tally {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return tally{c.batches, len(c.hellos), c.goodbye, c.writes[id]}
}

// expect fails unless the allocation is reported so, now that nothing is underway.
func (c *cluster) expect(id, status string) *api.AllocationStatus {
	c.t.Helper()
	synctest.Wait()
	s := c.status(id)
	if s == nil || s.ClientStatus != status {
		c.t.Fatalf("allocation is reported %v, want %s", describe(s), status)
	}
	return s
}

func describe(s *api.AllocationStatus) string {
	if s == nil {
		return "not at all"
	}
	out := s.ClientStatus
	for name, state := range s.TaskStates {
		out += fmt.Sprintf("\n  %s %s", name, state.State)
		for _, e := range state.Events {
			out += fmt.Sprintf("\n    %s: %s", e.Type, e.DisplayMessage)
		}
	}
	return out
}

// running is an agent that was started, until stop.
type running struct {
	*nodeagent.Agent
	cancel context.CancelFunc
	err    chan error
}

// options are those of a simulated node of the cluster.
func options(t *testing.T, c *cluster, d driver.Driver) nodeagent.Options {
	return nodeagent.Options{
		Servers: []string{"server:4647"}, Drivers: []driver.Driver{d}, Dial: c.dial, Name: "n",
		Fingerprinters: []fingerprint.Fingerprinter{fingerprint.Fixed{}},
		Log:            testr.New(t),
	}
}

func start(t testing.TB, o nodeagent.Options) *running {
	t.Helper()
	a, err := nodeagent.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{o.AllocDir, filepath.Join(o.DataDir, "client/alloc")} {
		forgetSecrets(t, root)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Agent: a, cancel: cancel, err: make(chan error, 1)}
	go func() { r.err <- a.Start(ctx) }()
	return r
}

// forgetSecrets unmounts at the test's end what agents have kept in memory of the
// allocations in a directory: some are killed, and some tasks outlive them.
func forgetSecrets(t testing.TB, root string) {
	t.Cleanup(func() {
		allocs, err := filepath.Glob(filepath.Join(root, "*"))
		if err != nil || !filepath.IsAbs(root) {
			return
		}
		for _, dir := range allocs {
			if err := (allocdir.Dir{Root: dir}).UnmountSecrets(); err != nil {
				t.Error(err)
			}
		}
	})
}

// stop ends the agent; it may be called again.
func (r *running) stop(t testing.TB) {
	t.Helper()
	r.cancel()
	if err := <-r.err; err != nil {
		t.Fatal(err)
	}
	r.err <- nil
}

// virtual runs a test in virtual time with a cluster and a simulated driver.
func virtual(t *testing.T, f func(t *testing.T, c *cluster, d *simulated.Driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		d := simulated.New()
		f(t, c, d)
		if c.line != nil {
			c.line.cut()
		}
	})
}

// onNode runs a test in virtual time with an agent that is connected.
func onNode(t *testing.T, f func(t *testing.T, c *cluster, d *simulated.Driver, a *running)) {
	t.Helper()
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		a := start(t, options(t, c, d))
		defer a.stop(t)
		<-a.Ready()
		f(t, c, d, a)
	})
}

// job returns a job of one group; tasks are its tasks, by name, with their configs.
func job(kind string, tasks map[string]api.Values) *api.Job {
	g := &api.TaskGroup{Name: new("g"), RestartPolicy: &api.RestartPolicy{
		Attempts: new(1), Interval: new(time.Minute), Delay: new(4 * time.Second), Mode: new(api.RestartModeFail),
	}}
	for name, config := range tasks {
		g.Tasks = append(g.Tasks, &api.Task{Name: name, Driver: "simulated", Config: maps.Clone(config)})
	}
	id := "job-" + uuid.NewString()[:8]
	return &api.Job{ID: &id, Name: &id, Namespace: new("default"), Type: &kind, Version: new(uint64(0)), TaskGroups: []*api.TaskGroup{g}}
}

func service(config api.Values) *api.Job {
	return job(api.JobTypeService, map[string]api.Values{"t": config})
}

func batch(config api.Values) *api.Job {
	return job(api.JobTypeBatch, map[string]api.Values{"t": config})
}
