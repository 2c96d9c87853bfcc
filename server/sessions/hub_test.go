package sessions

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for what should happen at once.
const patience = 30 * time.Second

// fixture is a hub on a store, serving on loopback.
type fixture struct {
	t       *testing.T
	ctx     context.Context
	store   store.Store
	hub     *Hub
	address string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureOn(t, mem.New(mem.Options{}))
}

func newFixtureOn(t *testing.T, st store.Store) *fixture {
	t.Helper()
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	f := &fixture{t: t, store: st}
	var cancel context.CancelFunc
	f.ctx, cancel = context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	f.serve()
	return f
}

// serve starts a new hub on the fixture's store and stops it at the test's end.
func (f *fixture) serve() (stop func()) {
	f.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.hub = New(Options{Store: f.store, ServerID: "server-1", Log: testr.New(f.t)})
	f.address = l.Addr().String()
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	hub := f.hub
	go func() { done <- hub.Serve(ctx, l) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("serve: %v", err)
		}
	}
	f.t.Cleanup(stop)
	return stop
}

func (f *fixture) put(objects ...api.Object) {
	f.t.Helper()
	var txn store.Txn
	for _, o := range objects {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	if _, err := f.store.Apply(f.ctx, txn); err != nil {
		f.t.Fatal(err)
	}
}

// node returns the facts of a new node.
func node() *api.Node {
	return &api.Node{ID: uuid.NewString(), SecretID: uuid.NewString(), Name: "n", Datacenter: "dc1", NodePool: "default"}
}

// connect opens a session for a node and reads the welcome.
func (f *fixture) connect(n *api.Node) *session.Conn {
	f.t.Helper()
	conn, answer := f.hello(n)
	if answer.Welcome == nil {
		f.t.Fatalf("no welcome: %+v", answer)
	}
	return conn
}

func (f *fixture) hello(n *api.Node) (*session.Conn, *session.Frame) {
	f.t.Helper()
	conn, err := session.Dial(f.ctx, f.address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if err := conn.Send(f.ctx, &session.Frame{Hello: &session.Hello{Version: session.Version, Node: n}}); err != nil {
		f.t.Fatal(err)
	}
	return conn, f.recv(conn)
}

func (f *fixture) recv(conn *session.Conn) *session.Frame {
	f.t.Helper()
	frame, err := conn.Recv(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	return frame
}

// await waits until the store's node session is as asked for.
func (f *fixture) await(nodeID string, want func(*api.NodeSession) bool) *api.NodeSession {
	f.t.Helper()
	key := (&api.NodeSession{NodeID: nodeID}).Key()
	feed := f.store.Watch(f.store.Snapshot().Index(), api.KindNodeSession)
	defer feed.Close()
	for {
		if s, ok := store.Get[*api.NodeSession](f.store.Snapshot(), key); ok && want(s) {
			return s
		}
		if _, _, err := feed.Next(f.ctx); err != nil {
			f.t.Fatalf("wait for session of node %s: %v", nodeID, err)
		}
	}
}

func alloc(n *api.Node, job *api.Job) *api.Allocation {
	return &api.Allocation{
		ID: uuid.NewString(), Namespace: *job.Namespace, JobID: *job.ID, JobVersion: *job.Version, TaskGroup: "g",
		NodeID: n.ID, DesiredStatus: api.AllocDesiredRun,
	}
}

func job(id string) *api.Job {
	return &api.Job{ID: &id, Namespace: new("default"), Version: new(uint64(0))}
}

func TestAgentGetsItsFullSetThenWhatChanges(t *testing.T) {
	f := newFixture(t)
	n, other, j := node(), node(), job("shop")
	first, ended, foreign := alloc(n, j), alloc(n, j), alloc(other, j)
	f.put(&api.JobVersion{Job: j}, first, ended, foreign,
		&api.AllocationStatus{ID: ended.ID, NodeID: n.ID, ClientStatus: api.AllocClientComplete})

	conn := f.connect(n)
	full := f.recv(conn).Desired
	if full == nil || !full.Full || len(full.Allocations) != 1 || full.Allocations[0].ID != first.ID {
		t.Fatalf("full set: %+v", full)
	}
	if len(full.Ended) != 1 || full.Ended[0] != ended.ID || len(full.Jobs) != 1 || *full.Jobs[0].ID != "shop" {
		t.Fatalf("full set: ended %v, jobs %v", full.Ended, full.Jobs)
	}

	second := alloc(n, j)
	f.put(second)
	news := f.recv(conn).Desired
	if news.Full || len(news.Allocations) != 1 || news.Allocations[0].ID != second.ID {
		t.Fatalf("news: %+v", news)
	}

	healthy := *second
	healthy.DeploymentStatus = &api.AllocDeploymentStatus{Healthy: new(true)}
	f.put(&healthy) // is nothing to the agent

	if _, err := f.store.Apply(f.ctx, store.Txn{Writes: []store.Write{store.Delete(first.Key())}}); err != nil {
		t.Fatal(err)
	}
	news = f.recv(conn).Desired
	if len(news.Removed) != 1 || news.Removed[0] != first.ID {
		t.Fatalf("news: %+v", news)
	}
}

func TestAJobIsSentAgainOnlyToWhoMayHaveForgottenIt(t *testing.T) {
	f := newFixture(t)
	n, j := node(), job("shop")
	first := alloc(n, j)
	f.put(&api.JobVersion{Job: j}, first)
	conn := f.connect(n)
	if full := f.recv(conn).Desired; len(full.Jobs) != 1 {
		t.Fatalf("full set: %+v", full)
	}
	jobsWith := func(objects ...api.Object) int {
		t.Helper()
		f.put(objects...)
		return len(f.recv(conn).Desired.Jobs)
	}
	if got := jobsWith(alloc(n, j)); got != 0 {
		t.Errorf("%d jobs to an agent that runs an instance of it", got)
	}
	next := job("shop")
	*next.Version = 1
	updated := *first
	updated.JobVersion = 1
	if got := jobsWith(&api.JobVersion{Job: next}, &updated); got != 1 {
		t.Errorf("%d jobs with the first instance of a version", got)
	}
	if got := jobsWith(alloc(n, j)); got != 1 {
		t.Errorf("%d jobs after the instance that came with this version has got another one", got)
	}
	f.put(&api.AllocationStatus{ID: first.ID, NodeID: n.ID, ClientStatus: api.AllocClientComplete})
	if got := jobsWith(alloc(n, next)); got != 1 {
		t.Errorf("%d jobs after the only instance of the version has ended", got)
	}
}

func TestALargeFullSetComesInSeveralFrames(t *testing.T) {
	f := newFixture(t)
	n, j := node(), job("many")
	const count = 2*pushMax + 10
	want := map[string]bool{}
	objects := []api.Object{&api.JobVersion{Job: j}}
	for range count {
		a := alloc(n, j)
		want[a.ID] = true
		objects = append(objects, a)
	}
	f.put(objects...)

	conn := f.connect(n)
	full := f.recv(conn).Desired
	if !full.Full || len(full.Allocations)+len(full.Later) != count {
		t.Fatalf("%d now and %d later, want %d in all", len(full.Allocations), len(full.Later), count)
	}
	for got := full.Allocations; ; got = f.recv(conn).Desired.Allocations {
		for _, a := range got {
			delete(want, a.ID)
		}
		if len(want) == 0 {
			return
		}
	}
}

func TestStatusesAreStoredThenAcknowledged(t *testing.T) {
	f := newFixture(t)
	n, other, j := node(), node(), job("shop")
	mine, foreign := alloc(n, j), alloc(other, j)
	f.put(mine, foreign)
	conn := f.connect(n)
	f.recv(conn)

	status := func(a *api.Allocation, s string) *api.AllocationStatus {
		return &api.AllocationStatus{ID: a.ID, NodeID: n.ID, Namespace: "default", JobID: "shop", ClientStatus: s}
	}
	send := func(seq uint64, statuses ...*api.AllocationStatus) {
		t.Helper()
		if err := conn.Send(f.ctx, &session.Frame{Statuses: &session.StatusBatch{Seq: seq, Statuses: statuses}}); err != nil {
			t.Fatal(err)
		}
		if ack := f.recv(conn).Ack; ack == nil || ack.Seq != seq {
			t.Fatalf("ack: %+v", ack)
		}
	}
	stored := func(a *api.Allocation) string {
		s, ok := store.Get[*api.AllocationStatus](f.store.Snapshot(), api.Key{Kind: api.KindAllocationStatus, ID: a.ID})
		if !ok {
			return ""
		}
		return s.ClientStatus
	}
	send(1, status(mine, api.AllocClientRunning), status(foreign, api.AllocClientRunning))
	if stored(mine) != api.AllocClientRunning || stored(foreign) != "" {
		t.Errorf("stored %q and, of another node, %q", stored(mine), stored(foreign))
	}
	send(2, status(mine, api.AllocClientFailed))
	send(3, status(mine, api.AllocClientComplete))
	if stored(mine) != api.AllocClientFailed {
		t.Errorf("what has ended was changed to %q", stored(mine))
	}
}

func TestAnOlderSessionCannotOverwriteWhatANewerOneReported(t *testing.T) {
	f := newFixture(t)
	n, j := node(), job("shop")
	a := alloc(n, j)
	f.put(a)
	old := f.connect(n)
	f.recv(old)
	newer := &api.AllocationStatus{ID: a.ID, NodeID: n.ID, Namespace: "default", JobID: "shop", ClientStatus: api.AllocClientRunning}
	taken := f.await(n.ID, func(s *api.NodeSession) bool { return s.Connected })
	elsewhere := *taken
	elsewhere.ServerID, elsewhere.SessionID = "server-2", "another"
	f.put(&elsewhere, newer)

	late := *newer
	late.ClientStatus = api.AllocClientPending
	if err := old.Send(f.ctx, &session.Frame{Statuses: &session.StatusBatch{Seq: 1, Statuses: []*api.AllocationStatus{&late}}}); err != nil {
		t.Logf("the old session has ended already: %v", err)
	}
	if answer, err := old.Recv(f.ctx); err == nil {
		t.Errorf("the old session goes on: %+v", answer)
	}
	if s, ok := store.Get[*api.AllocationStatus](f.store.Snapshot(), newer.Key()); !ok || s.ClientStatus != newer.ClientStatus {
		t.Errorf("stored %+v", s)
	}
	if s := f.await(n.ID, func(s *api.NodeSession) bool { return true }); s.SessionID != "another" || !s.Connected {
		t.Errorf("node session %+v", s)
	}
}

func TestAnOlderSessionCannotChangeTheNodesFacts(t *testing.T) {
	f := newFixture(t)
	n := node()
	old := f.connect(n)
	f.recv(old)
	elsewhere := *f.await(n.ID, func(s *api.NodeSession) bool { return s.Connected })
	elsewhere.ServerID, elsewhere.SessionID = "server-2", "another"
	f.put(&elsewhere)
	late := *n
	late.NodeClass = "late"
	if err := old.Send(f.ctx, &session.Frame{Facts: &late}); err != nil {
		t.Logf("the old session has ended already: %v", err)
	}
	if answer, err := old.Recv(f.ctx); err == nil {
		t.Errorf("the old session goes on: %+v", answer)
	}
	if got, _ := store.Get[*api.Node](f.store.Snapshot(), n.Key()); got.NodeClass == "late" {
		t.Error("an old session changed the facts")
	}
}

// slowStart is a store that has no leader for the first few times it is asked.
type slowStart struct {
	store.Store
	refusals atomic.Int32
}

func (s *slowStart) Sync(ctx context.Context) error {
	if s.refusals.Add(-1) >= 0 {
		return api.ErrNoLeader
	}
	return s.Store.Sync(ctx)
}

func TestSessionsOfAnEarlierProcessAreEndedOnceThereIsALeader(t *testing.T) {
	st := &slowStart{Store: mem.New(mem.Options{})}
	stale := &api.NodeSession{NodeID: uuid.NewString(), ServerID: "server-1", SessionID: "earlier/1", Connected: true}
	if _, err := st.Apply(t.Context(), store.Txn{Writes: []store.Write{store.Put(stale)}}); err != nil {
		t.Fatal(err)
	}
	st.refusals.Store(1)
	f := newFixtureOn(t, st)
	f.await(stale.NodeID, func(s *api.NodeSession) bool { return !s.Connected })
}

func TestGainAndLossOfASessionAreRecorded(t *testing.T) {
	f := newFixture(t)
	n := node()
	conn := f.connect(n)
	s := f.await(n.ID, func(s *api.NodeSession) bool { return s.Connected })
	if s.ServerID != "server-1" {
		t.Errorf("server %q", s.ServerID)
	}
	conn.Close()
	if s = f.await(n.ID, func(s *api.NodeSession) bool { return !s.Connected }); s.Graceful {
		t.Error("a broken connection counts as goodbye")
	}

	conn = f.connect(n)
	if err := conn.Send(f.ctx, &session.Frame{Goodbye: &session.Goodbye{}}); err != nil {
		t.Log(err) // the server hangs up at once, which may look as if it had not heard
	}
	f.await(n.ID, func(s *api.NodeSession) bool { return !s.Connected && s.Graceful })
}

func TestANodeThatIsLeftIsDrainedUntilItsAgentIsBack(t *testing.T) {
	f := newFixture(t)
	n := node()
	conn := f.connect(n)
	f.recv(conn)
	if err := conn.Send(f.ctx, &session.Frame{Leave: &session.Leave{Deadline: time.Hour, IgnoreSystemJobs: true}}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(f.ctx, &session.Frame{Goodbye: &session.Goodbye{}}); err != nil {
		t.Log(err) // the server hangs up at once, which may look as if it had not heard
	}
	f.await(n.ID, func(s *api.NodeSession) bool { return !s.Connected && s.Graceful })
	intent := func() *api.NodeIntent {
		i, _ := store.Get[*api.NodeIntent](f.store.Snapshot(), (&api.NodeIntent{NodeID: n.ID}).Key())
		return i
	}
	if i := intent(); !i.Draining() || i.DrainStrategy.Deadline != time.Hour || !i.DrainStrategy.IgnoreSystemJobs || i.Eligibility != api.NodeIneligible {
		t.Errorf("left: %+v", i)
	}
	f.recv(f.connect(n))
	if i := intent(); i.Draining() || i.Eligibility != api.NodeEligible {
		t.Errorf("back: %+v", i)
	}
}

func TestANodeThatIsPurgedRegistersAnew(t *testing.T) {
	f := newFixture(t)
	n := node()
	conn := f.connect(n)
	f.recv(conn)
	_, err := f.store.Apply(f.ctx, store.Txn{Writes: []store.Write{
		store.Delete(n.Key()), store.Delete((&api.NodeSession{NodeID: n.ID}).Key()),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Recv(f.ctx); err == nil {
		t.Error("the session of a node that is gone goes on")
	}
	f.connect(n)
	f.await(n.ID, func(s *api.NodeSession) bool { return s.Connected })
	if _, ok := store.Get[*api.Node](f.store.Snapshot(), n.Key()); !ok {
		t.Error("the node is not there again")
	}
}

func TestANewSessionTakesTheOldOnesPlace(t *testing.T) {
	f := newFixture(t)
	n := node()
	old := f.connect(n)
	f.recv(old)
	f.connect(n)
	if _, err := old.Recv(f.ctx); err == nil {
		t.Error("the old session goes on")
	}
	f.await(n.ID, func(s *api.NodeSession) bool { return s.Connected })
	if f.hub.Len() != 1 {
		t.Errorf("%d sessions", f.hub.Len())
	}
}

func TestWhoIsNotTheNodeIsRefused(t *testing.T) {
	f := newFixture(t)
	n := node()
	f.connect(n)
	thief := *n
	thief.SecretID = uuid.NewString()
	_, answer := f.hello(&thief)
	if answer.Refused == nil || answer.Refused.Retry || !strings.Contains(answer.Refused.Reason, "another secret") {
		t.Errorf("answer: %+v", answer.Refused)
	}
	nameless := *n
	nameless.ID = "x"
	if _, answer := f.hello(&nameless); answer.Refused == nil {
		t.Errorf("answer: %+v", answer)
	}
}

func TestOtherProtocolsAreTurnedAway(t *testing.T) {
	f := newFixture(t)
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); len(b) > 0 || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestSessionsOfAnEarlierProcessAreEnded(t *testing.T) {
	f := newFixture(t)
	n, back := node(), node()
	for _, id := range []string{n.ID, back.ID} {
		f.put(&api.NodeSession{NodeID: id, ServerID: "server-1", SessionID: "earlier/1", Connected: true})
	}
	f.put(&api.NodeSession{NodeID: "elsewhere", ServerID: "server-2", SessionID: "x/1", Connected: true})
	f.serve()
	f.connect(back)
	f.await(n.ID, func(s *api.NodeSession) bool { return !s.Connected })
	f.await(back.ID, func(s *api.NodeSession) bool { return s.Connected && s.SessionID != "earlier/1" })
	f.await("elsewhere", func(s *api.NodeSession) bool { return s.Connected })
}

func TestARestoredSnapshotIsHeldAgainstTheSessionsThereAre(t *testing.T) {
	f := newFixture(t)
	before, gone, late := node(), node(), node()
	f.connect(before)
	lost := f.connect(gone)
	var saved bytes.Buffer
	if err := f.store.Save(f.ctx, &saved); err != nil {
		t.Fatal(err)
	}
	lost.Close()
	f.await(gone.ID, func(s *api.NodeSession) bool { return !s.Connected })
	unknown := f.connect(late)
	f.recv(unknown)
	if err := f.store.Restore(f.ctx, &saved); err != nil {
		t.Fatal(err)
	}
	if _, err := unknown.Recv(f.ctx); err == nil {
		t.Error("a session goes on whose node the store does not know")
	}
	f.await(gone.ID, func(s *api.NodeSession) bool { return !s.Connected })
	f.await(before.ID, func(s *api.NodeSession) bool { return s.Connected })
}

func TestAnAgentThatReportsBeforeItReadsIsNotDeadlocked(t *testing.T) {
	f := newFixture(t)
	n, j := node(), job("many")
	const count = 20_000 // far more than either side buffers
	var allocs []*api.Allocation
	objects := []api.Object{&api.JobVersion{Job: j}}
	for range count {
		a := alloc(n, j)
		allocs = append(allocs, a)
		objects = append(objects, a)
	}
	f.put(objects...)
	conn := f.connect(n)
	const batch = 1000
	for seq := range count / batch {
		b := &session.StatusBatch{Seq: uint64(seq)}
		for _, a := range allocs[seq*batch : (seq+1)*batch] {
			b.Statuses = append(b.Statuses, &api.AllocationStatus{
				ID: a.ID, NodeID: n.ID, ClientStatus: api.AllocClientRunning, ClientDescription: strings.Repeat("x", 100),
			})
		}
		if err := conn.Send(f.ctx, &session.Frame{Statuses: b}); err != nil {
			t.Fatal(err)
		}
	}
	for acked := 0; acked < count/batch; {
		if f.recv(conn).Ack != nil {
			acked++
		}
	}
}

func TestANodeBringsItsPool(t *testing.T) {
	f := newFixture(t)
	n := node()
	n.NodePool = "gpu"
	f.recv(f.connect(n))
	pool, ok := store.Get[*api.NodePool](f.store.Snapshot(), (&api.NodePool{Name: "gpu"}).Key())
	if !ok {
		t.Fatal("there is no pool of that name")
	}
	saved := *pool
	saved.Deleting = true
	f.put(&saved)
	another := node()
	another.NodePool = "gpu"
	f.recv(f.connect(another))
	if pool, ok = store.Get[*api.NodePool](f.store.Snapshot(), pool.Key()); !ok || pool.Deleting {
		t.Errorf("a node came while the pool was being deleted: %+v", pool)
	}
}
