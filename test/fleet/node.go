package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
)

// node is one simulated node. The goroutine of its session owns what is not said to
// be shared.
type node struct {
	fleet   *Fleet
	facts   *api.Node
	server  int
	allocs  map[string]*instance
	seq     uint64
	sent    map[uint64][]*instance // reported as running and not acknowledged, by batch
	failing chan string            // shared: allocations that are to fail
	gone    chan struct{}          // shared: closed when the node is lost
	losing  sync.Once
}

// instance is an allocation that a node has been given.
type instance struct {
	id, group string
	spec      *spec
	state     string
	stored    bool // as running
}

func newNode(f *Fleet, i int) *node {
	return &node{
		fleet: f, server: i, facts: facts(f.opts, i), allocs: map[string]*instance{},
		sent: map[uint64][]*instance{}, failing: make(chan string), gone: make(chan struct{}),
	}
}

// lose ends the node.
func (n *node) lose() { n.losing.Do(func() { close(n.gone) }) }

// reconnectMax is how long a node waits at most before it tries again.
const reconnectMax = time.Second

func (n *node) stayConnected(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for ctx.Err() == nil {
		err := n.session(ctx)
		if errors.Is(err, errRefused) || errors.Is(err, errLost) {
			n.clear()
			return
		}
		n.server++
		select {
		case <-ctx.Done():
		case <-n.gone:
			n.clear()
			return
		case <-time.After(rand.N(reconnectMax)):
		}
	}
}

var (
	errRefused = errors.New("refused for good")
	errLost    = errors.New("the node is lost")
)

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
	n.sent = map[uint64][]*instance{} // nobody acknowledges what another session sent
	received := make(chan *session.Frame)
	recvCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	var receiver sync.WaitGroup
	defer receiver.Wait()
	defer cancel()
	receiver.Go(func() { failed <- receive(recvCtx, conn, received) })
	for {
		var news []*instance
		select {
		case err := <-failed:
			return err
		case <-n.gone:
			return errLost
		case f := <-received:
			if f.Ack != nil {
				n.acknowledged(f.Ack.Seq)
			}
			if f.Desired != nil {
				news = n.take(f.Desired, done)
			}
		case <-done.next():
			news = n.end(api.AllocClientComplete, done.due()...)
		case id := <-n.failing:
			news = n.end(api.AllocClientFailed, id)
		}
		if err := n.report(ctx, conn, news); err != nil {
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

// take makes the node's instances what the server wants and returns those with news.
func (n *node) take(d *session.Desired, done *timers) []*instance {
	for _, j := range d.Jobs {
		n.fleet.specs.add(j, n.fleet.opts.RunFor)
	}
	if d.Full {
		n.forgetBut(d)
	}
	for _, id := range d.Removed {
		n.forget(id)
	}
	var news []*instance
	for _, a := range d.Allocations {
		in := n.allocs[a.ID]
		if in == nil {
			in = &instance{id: a.ID, state: api.AllocClientPending}
			n.allocs[a.ID] = in
		}
		if s := n.fleet.specs.get(a.Namespace, a.JobID, a.JobVersion); s != nil {
			in.spec = s
			for group := range s.groups {
				if group == a.TaskGroup {
					in.group = group // the shared string
				}
			}
		}
		switch {
		case in.spec == nil: // to stop, and never started here
			in.spec, in.group = &spec{namespace: a.Namespace, job: a.JobID}, a.TaskGroup
			news = append(news, n.move(in, api.AllocClientComplete))
		case !a.WantsRun() && !ended(in.state):
			news = append(news, n.move(in, api.AllocClientComplete))
		case a.WantsRun() && in.state == api.AllocClientPending:
			news = append(news, n.move(in, api.AllocClientRunning))
			if runFor := in.spec.groups[in.group].runFor; runFor > 0 {
				done.add(in.id, runFor)
			}
		case in.state == api.AllocClientRunning:
			news = append(news, in) // reconnected, or updated in place
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
	if in := n.allocs[id]; in != nil {
		n.leave(in)
	}
	delete(n.allocs, id)
}

// clear forgets everything: the node is no more.
func (n *node) clear() {
	for id := range n.allocs {
		n.forget(id)
	}
}

// leave takes an instance out of the counts of those that run.
func (n *node) leave(in *instance) {
	if in.state == api.AllocClientRunning {
		n.fleet.running.Add(-1)
	}
	if in.stored {
		in.stored = false
		n.fleet.stored.Add(-1)
	}
}

func ended(state string) bool {
	return state == api.AllocClientComplete || state == api.AllocClientFailed
}

// end ends those of the allocations that run.
func (n *node) end(state string, ids ...string) []*instance {
	var news []*instance
	for _, id := range ids {
		if in := n.allocs[id]; in != nil && in.state == api.AllocClientRunning {
			news = append(news, n.move(in, state))
		}
	}
	return news
}

func (n *node) move(in *instance, state string) *instance {
	n.leave(in)
	if in.state = state; state == api.AllocClientRunning {
		n.fleet.running.Add(1)
	}
	return in
}

// acknowledged notes that a batch is stored.
func (n *node) acknowledged(seq uint64) {
	for _, in := range n.sent[seq] {
		if in.state == api.AllocClientRunning && !in.stored && n.allocs[in.id] == in {
			in.stored = true
			n.fleet.stored.Add(1)
			n.fleet.latencies.Add(time.Since(in.spec.submitted))
		}
	}
	delete(n.sent, seq)
}

// status is what an agent would say of the instance.
func (n *node) status(in *instance) *api.AllocationStatus {
	now := time.Now()
	ts := &api.TaskState{State: api.TaskStateRunning, StartedAt: &now}
	ts.Events = []*api.TaskEvent{{Type: api.EventStarted, Time: now.UnixNano(), DisplayMessage: "Task started by client"}}
	if ended(in.state) {
		ts.State, ts.Failed, ts.FinishedAt = api.TaskStateDead, in.state == api.AllocClientFailed, &now
	}
	return &api.AllocationStatus{
		ID: in.id, NodeID: n.facts.ID, Namespace: in.spec.namespace, JobID: in.spec.job,
		ClientStatus: in.state, ModifyTime: now.UnixNano(),
		TaskStates: map[string]*api.TaskState{in.spec.groups[in.group].name: ts},
	}
}

// reportMax is how many statuses go into one frame.
const reportMax = 1000

func (n *node) report(ctx context.Context, conn *session.Conn, news []*instance) error {
	for len(news) > 0 {
		k := min(len(news), reportMax)
		n.seq++
		b := &session.StatusBatch{Seq: n.seq}
		for _, in := range news[:k] {
			b.Statuses = append(b.Statuses, n.status(in))
			if in.state == api.AllocClientRunning {
				n.sent[n.seq] = append(n.sent[n.seq], in)
			}
		}
		if err := conn.Send(ctx, &session.Frame{Statuses: b}); err != nil {
			return err
		}
		news = news[k:]
	}
	return nil
}
