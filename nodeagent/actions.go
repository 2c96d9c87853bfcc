package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/artifact"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/hook"
)

// taskQueue is what is to be done about one task, one thing after the other. The
// runner's mu guards it.
type taskQueue struct {
	pending []alloc.Action
	busy    bool // a goroutine works on pending
	timer   *time.Timer
	// start is the context of the StartTask, or MakeSite, that is pending or underway.
	start context.Context
	abort context.CancelCauseFunc
}

func (q *taskQueue) stopTimer() {
	if q.timer != nil {
		q.timer.Stop()
	}
}

var errUnwanted = errors.New("the task is not wanted any more")

// perform begins to carry out the actions that are early, or those that are not.
func (r *runner) perform(actions []alloc.Action, early bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, action := range actions {
		if action.Early() == early {
			r.dispatch(action)
		}
	}
}

// dispatch is called with mu held.
func (r *runner) dispatch(action alloc.Action) {
	name := action.About()
	q := r.tasks[name]
	if q == nil {
		q = &taskQueue{}
		r.tasks[name] = q
	}
	switch action := action.(type) {
	case alloc.SetTimer:
		q.stopTimer()
		q.timer = time.AfterFunc(time.Until(action.At), func() { r.post(alloc.Timer{Task: name}) })
		return
	case alloc.AbortStart, alloc.AbortSite:
		if q.abort != nil {
			q.abort(errUnwanted)
		}
		return
	case alloc.StartTask, alloc.MakeSite:
		q.start, q.abort = context.WithCancelCause(r.a.ctx)
	}
	q.pending = append(q.pending, action)
	if !q.busy {
		q.busy = r.a.crew.Go(func() { r.work(q) })
	}
}

// work carries out what is pending for a task.
func (r *runner) work(q *taskQueue) {
	for {
		r.mu.Lock()
		if len(q.pending) == 0 {
			q.busy = false
			r.mu.Unlock()
			return
		}
		action := q.pending[0]
		q.pending = q.pending[1:]
		start, abort := q.start, q.abort
		r.mu.Unlock()

		switch action := action.(type) {
		case alloc.StartTask:
			r.startTask(start, action)
			abort(nil)
		case alloc.RecoverTask:
			r.recoverTask(action)
		case alloc.StopTask:
			r.stopTask(action)
		case alloc.DestroyTask:
			r.destroyTask(action)
		case alloc.MakeSite:
			r.makeSite(start)
			abort(nil)
		case alloc.ClearSite:
			r.clearSite()
		}
	}
}

// startTask prepares and starts a task, and tells the life how that went.
func (r *runner) startTask(ctx context.Context, action alloc.StartTask) {
	h, companions, failed := r.tryStart(ctx, action)
	switch {
	case failed == nil:
		r.log.V(1).Info("task started", "task", action.Task, "start", action.Attempt, "pid", h.PID)
		r.post(alloc.Started{Task: action.Task, Attempt: action.Attempt, Handle: h})
		r.watch(action.Task, action.Attempt, h, companions)
	case r.a.ctx.Err() != nil: // the next agent finds out
	default:
		r.log.Info("task not started", "task", action.Task, "start", action.Attempt, "reason", failed.Message)
		r.post(*failed)
	}
}

func (r *runner) tryStart(ctx context.Context, action alloc.StartTask) (driver.Handle, []hook.Companion, *alloc.StartFailed) {
	fail := func(stage alloc.Stage, err error) (driver.Handle, []hook.Companion, *alloc.StartFailed) {
		return driver.Handle{}, nil, &alloc.StartFailed{
			Task: action.Task, Attempt: action.Attempt, Stage: stage, Message: err.Error(), Recoverable: mayWork(stage, err),
		}
	}
	turn := startTurn{tokens: r.a.starts}
	if err := turn.enter(ctx); err != nil {
		return fail(alloc.StageSetup, err)
	}
	defer turn.leave()
	prepared := r.start(action.Task)
	prepared.Aside = func(work func() error) error { return turn.aside(ctx, work) }
	t := prepared.Task
	d := r.a.drivers[t.Driver]
	if d == nil {
		return fail(alloc.StageDriver, fmt.Errorf("%w: this node has no driver %q", api.ErrNotSupported, t.Driver))
	}
	if err := joins(d, prepared.Site.Network); err != nil {
		return fail(alloc.StageValidate, err)
	}
	if err := hook.Run(ctx, r.a.hooks, prepared); err != nil {
		return fail(stageOf(err), err)
	}
	spec := r.driverTask(prepared, action.Attempt)
	if err := d.Validate(spec.Config); err != nil {
		return fail(alloc.StageValidate, err)
	}
	if spec.StateDir != "" {
		if err := os.MkdirAll(spec.StateDir, 0o700); err != nil {
			return fail(alloc.StageSetup, err)
		}
	}
	h, err := d.Start(ctx, spec)
	if err != nil {
		return fail(alloc.StageDriver, err)
	}
	h.Driver, h.TaskID, h.StateDir = t.Driver, spec.ID, spec.StateDir
	return h, prepared.Companions, nil
}

// start is what is known before a task is prepared.
func (r *runner) start(task string) *hook.Start {
	al, job := r.object()
	g := job.Group(al.TaskGroup)
	t := g.Task(task)
	s := &hook.Start{
		Alloc: al, Job: job, Group: g, Task: t, Node: r.a.node.Load(), Region: r.a.opts.Region, Dir: r.dir, HostEnv: r.a.hostEnv,
		Fetcher: r.a.fetcher, Keep: r.a.dirs.allocRun(r.id), Dial: r.a.uplink.Dial, SecretsInMemory: r.a.secretsInMemory,
		Note: func(e *api.TaskEvent) { r.post(alloc.Noted{Task: task, Event: e}) }, Site: r.site(),
	}
	if rooter, ok := r.a.drivers[t.Driver].(driver.Rooter); ok {
		s.Rooted = rooter.Rooted(t.Config)
	}
	_, s.Mounter = r.a.drivers[t.Driver].(driver.Mounter)
	return s
}

// startTurn is the leave of one task to be started: few are at a time. It is for one
// goroutine.
type startTurn struct {
	tokens chan struct{} // holds one for each task that has its turn
	held   bool
}

// enter waits for the turn.
func (t *startTurn) enter(ctx context.Context) error {
	select {
	case t.tokens <- struct{}{}:
		t.held = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave ends the turn, if it is not over.
func (t *startTurn) leave() {
	if t.held {
		t.held = false
		<-t.tokens
	}
}

// aside runs what may take long in the start of a task, while others have their turn. If
// it fails, or the start is not wanted any more, the turn is over.
func (t *startTurn) aside(ctx context.Context, work func() error) error {
	t.leave()
	if err := work(); err != nil {
		return err
	}
	return t.enter(ctx)
}

// stageOf says at which stage a hook failed.
func stageOf(err error) alloc.Stage {
	var download *artifact.Error
	if errors.As(err, &download) {
		return alloc.StageArtifact
	}
	return alloc.StageSetup
}

// mayWork reports whether to start a task again may help: what could not be prepared
// may be there in a moment, what the driver refuses will be refused again unless it
// says otherwise.
func mayWork(stage alloc.Stage, err error) bool {
	var invalid *api.InvalidError
	if errors.Is(err, api.ErrNotSupported) || errors.As(err, &invalid) {
		return false
	}
	var told interface{ Recoverable() bool }
	if errors.As(err, &told) {
		return told.Recoverable()
	}
	return stage != alloc.StageDriver && stage != alloc.StageValidate
}

// identify fills in what a driver knows a start of a task by.
func (r *runner) identify(task string, attempt int) driver.Task {
	al, job := r.object()
	t := driver.Task{
		ID: r.id + "/" + task + "/" + strconv.Itoa(attempt), AllocID: r.id,
		JobID: al.JobID, JobName: api.Deref(job.Name), GroupName: al.TaskGroup, Name: task, Ports: al.Ports, Namespace: al.Namespace,
	}
	if n := r.a.node.Load(); n != nil {
		t.NodeID, t.NodeName = n.ID, n.Name
	}
	if r.dir.Root != "" {
		t.StateDir = r.a.dirs.taskRun(r.id, task, attempt)
		t.Dir, t.AllocDir, t.SecretsDir = r.dir.Task(task), r.dir.Shared(), r.dir.Secrets(task)
	}
	return t
}

func (r *runner) driverTask(s *hook.Start, attempt int) driver.Task {
	t := r.identify(s.Task.Name, attempt)
	t.User = s.Vars.Replace(s.Task.User)
	t.Config = s.Vars.ReplaceMap(s.Task.Config)
	t.Env, t.Mounts = s.Vars.Map(), s.Mounts
	t.Resources = *api.AllocatedTask(s.Alloc, s.Task)
	if n := s.Node; n != nil && n.Resources != nil && n.Resources.Cpu.CpuShares > 0 {
		t.CPUShare = float64(t.Resources.Cpu.CpuShares) / float64(n.Resources.Cpu.CpuShares)
	}
	t.Network = s.Site.Network
	t.Stdout, t.Stderr = r.logFile(s.Task, "stdout"), r.logFile(s.Task, "stderr")
	return t
}

// Bounds of a task's logs where the job sets none.
const (
	logFiles  = 10
	logFileMB = 10
)

func (r *runner) logFile(t *api.Task, stream string) driver.LogFile {
	f := driver.LogFile{Prefix: t.Name + "." + stream, MaxFiles: logFiles, MaxBytes: logFileMB << 20}
	if r.dir.Root == "" {
		f.Disabled = true
		return f
	}
	f.Dir = r.dir.Logs()
	if c := t.LogConfig; c != nil {
		if n := api.Deref(c.MaxFiles); n > 0 {
			f.MaxFiles = n
		}
		if n := api.Deref(c.MaxFileSizeMB); n > 0 {
			f.MaxBytes = int64(n) << 20
		}
		f.Disabled = api.Deref(c.Disabled) || c.Enabled != nil && !*c.Enabled
	}
	return f
}

// recoverTask looks for a task that an earlier agent started.
func (r *runner) recoverTask(action alloc.RecoverTask) {
	h, err := r.tryRecover(action)
	switch {
	case err == nil:
		r.log.Info("task found again", "task", action.Task, "start", action.Attempt, "pid", h.PID)
		r.post(alloc.Recovered{Task: action.Task, Attempt: action.Attempt, Handle: h})
		r.watch(action.Task, action.Attempt, h, r.resumed(action.Task))
	case r.a.ctx.Err() != nil:
	default:
		r.log.Info("task is gone", "task", action.Task, "start", action.Attempt, "reason", err.Error())
		r.post(alloc.Gone{Task: action.Task, Attempt: action.Attempt})
	}
}

// tryRecover returns the task's handle. It errs only if the task is gone, or the
// agent ends.
func (r *runner) tryRecover(action alloc.RecoverTask) (driver.Handle, error) {
	al, job := r.object()
	t := job.Group(al.TaskGroup).Task(action.Task)
	d := r.a.drivers[t.Driver]
	if d == nil {
		return driver.Handle{}, fmt.Errorf("this node has no driver %q any more: %w", t.Driver, driver.ErrTaskGone)
	}
	finder, finds := d.(driver.Finder)
	for pause := firstAgain; ; pause = min(2*pause, lastAgain) {
		var h driver.Handle
		var err error
		switch {
		case action.Handle != nil:
			h = *action.Handle
			err = d.Recover(r.a.ctx, h)
		case finds:
			h, err = finder.Find(r.a.ctx, r.identify(action.Task, action.Attempt))
			h.Driver = t.Driver
		default:
			err = driver.ErrTaskGone // its tasks do not outlive an agent
		}
		if err == nil || errors.Is(err, driver.ErrTaskGone) {
			return h, err
		}
		if r.a.ctx.Err() == nil {
			r.log.Error(err, "looking for a task again", "task", action.Task)
		}
		if !r.a.pause(pause) {
			return h, err
		}
	}
}

// Pauses between attempts at what must work in the end.
const (
	firstAgain = 200 * time.Millisecond
	lastAgain  = 30 * time.Second
)

// watch tells the life when a task ends. Until then its companions go on.
func (r *runner) watch(task string, attempt int, h driver.Handle, companions []hook.Companion) {
	ctx, ended := context.WithCancel(r.a.ctx)
	r.accompany(ctx, task, attempt, h, companions)
	r.a.crew.Go(func() {
		defer ended()
		for pause := firstAgain; ; pause = min(2*pause, lastAgain) {
			result, err := r.a.drivers[h.Driver].Wait(r.a.ctx, h)
			switch {
			case err == nil:
				r.log.V(1).Info("task ended", "task", task, "start", attempt, "code", result.ExitCode, "signal", result.Signal)
				r.post(alloc.Exited{Task: task, Attempt: attempt, Result: result})
				return
			case r.a.ctx.Err() != nil:
				return
			case errors.Is(err, driver.ErrTaskGone):
				r.log.Info("task is gone", "task", task, "start", attempt)
				r.post(alloc.Gone{Task: task, Attempt: attempt})
				return
			}
			r.log.Error(err, "waiting for a task again", "task", task)
			if !r.a.pause(pause) {
				return
			}
		}
	})
}

// stopTask ends a task. It tries until the task has ended.
func (r *runner) stopTask(action alloc.StopTask) {
	d := r.a.drivers[action.Handle.Driver]
	if d == nil {
		return // it has been told to be gone
	}
	signal := action.Signal
	for pause := firstAgain; ; pause = min(2*pause, lastAgain) {
		err := d.Stop(r.a.ctx, action.Handle, signal, action.Grace)
		if err == nil || errors.Is(err, driver.ErrTaskGone) || r.a.ctx.Err() != nil {
			return
		}
		r.log.Error(err, "killing a task that can't be stopped", "task", action.Task, "signal", signal)
		signal = "SIGKILL" // it may be that the signal is not known here
		if !r.a.pause(pause) {
			return
		}
	}
}

// destroyTries bounds how often the agent tries to free what is left of a task. The
// next agent tries again.
const destroyTries = 5

func (r *runner) destroyTask(action alloc.DestroyTask) {
	if d := r.a.drivers[action.Handle.Driver]; d != nil {
		pause := firstAgain
		for try := 1; ; try++ {
			err := d.Destroy(r.a.ctx, action.Handle)
			if err == nil {
				break
			}
			if r.a.ctx.Err() != nil {
				return
			}
			r.log.Error(err, "something is left of an ended task", "task", action.Task)
			if try == destroyTries || !r.a.pause(pause) {
				r.post(alloc.NotDestroyed{Task: action.Task, TaskID: action.Handle.TaskID})
				return
			}
			pause *= 2
		}
	}
	if dir := action.Handle.StateDir; dir != "" {
		if err := os.RemoveAll(dir); err != nil {
			r.log.Error(err, "files of an ended task are left behind", "task", action.Task)
		}
	}
	r.post(alloc.Destroyed{Task: action.Task, TaskID: action.Handle.TaskID})
}
