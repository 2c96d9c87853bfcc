package nodeagent

import (
	"errors"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/session"
)

// ErrLeave is the cause (context.WithCancelCause) with which the context of Start is
// cancelled to have the node drained, as Options.Drain says, before the agent ends.
var ErrLeave = errors.New("the agent leaves")

// end does what is to be done before the agent ends.
func (a *Agent) end(cause error, connected <-chan struct{}) {
	if errors.Is(cause, ErrLeave) && a.opts.Drain != nil && a.drain() {
		a.goodbye(connected)
		return
	}
	if a.opts.StopTasks {
		a.leave(connected)
	}
}

// drain has the servers empty the node, and waits until it is empty. It reports whether it
// is: tasks that are left run on, for the next agent, and then the node has not left.
func (a *Agent) drain() bool {
	spec := *a.opts.Drain
	a.log.Info("draining the node before the agent ends; a second signal ends it at once", "deadline", spec.Deadline.String())
	var over <-chan time.Time // when even what was killed at the deadline must have ended
	if spec.Deadline != 0 {
		deadline := max(0, spec.Deadline)
		a.drainBy = time.Now().Add(deadline)
		timeout := time.NewTimer(deadline + a.opts.MaxKillTimeout + leaveTasks)
		defer timeout.Stop()
		over = timeout.C
	}
	close(a.draining)
	for {
		r, kept := a.undrained()
		if r == nil {
			a.log.Info("the node is drained", "kept", kept)
			return kept == 0
		}
		select {
		case <-r.settled:
		case <-over:
			a.log.Info("the drain is not over: tasks are left behind")
			return false
		}
	}
}

// undrained returns an allocation that a drain still has to end, or nil, and how many it
// leaves alone.
func (a *Agent) undrained() (left *runner, kept int) {
	for _, r := range a.worker.all() {
		_, job := r.object()
		system := api.Deref(job.Type) == api.JobTypeSystem || api.Deref(job.Type) == api.JobTypeSysBatch
		switch _, settled := r.settledAt(); {
		case settled:
		case system && a.opts.Drain.IgnoreSystemJobs:
			kept++
		default:
			left = r
		}
	}
	return left, kept
}

// leaveFrame asks a server for the drain.
func (a *Agent) leaveFrame() *session.Frame {
	l := &session.Leave{Deadline: a.opts.Drain.Deadline, IgnoreSystemJobs: a.opts.Drain.IgnoreSystemJobs}
	if l.Deadline > 0 {
		l.Deadline = max(time.Until(a.drainBy), time.Nanosecond)
	}
	return &session.Frame{Leave: l}
}

// Bounds of what an agent that ends in order still waits for.
const (
	leaveTasks   = 10 * time.Second // beside the kill timeout
	leaveReports = time.Second
)

// leave ends all tasks, tells the servers and says goodbye.
func (a *Agent) leave(connected <-chan struct{}) {
	runners := a.worker.close()
	for _, r := range runners {
		r.post(alloc.Stop{NoShutdownDelay: true, NoPoststop: true})
	}
	timeout := time.NewTimer(a.opts.MaxKillTimeout + leaveTasks)
	defer timeout.Stop()
	for _, r := range runners {
		select {
		case <-r.settled:
		case <-timeout.C:
			a.log.Info("tasks are left behind that do not end")
			return
		}
	}
	a.goodbye(connected)
}

// goodbye has the last reports sent, and says that nothing of the node is left.
func (a *Agent) goodbye(connected <-chan struct{}) {
	timeout := time.NewTimer(leaveReports)
	defer timeout.Stop()
	select {
	case <-a.reporter.done():
	case <-timeout.C:
	}
	close(a.leaving)
	timeout.Reset(leaveReports)
	select {
	case <-connected:
	case <-timeout.C:
	}
}
