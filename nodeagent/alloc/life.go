package alloc

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Life is one allocation's life. It is for one goroutine at a time.
type Life struct {
	spec   Spec
	tasks  []*task // in the order of the spec
	rec    record
	jitter func() float64
	out    []Action
	// doubted says that this agent has not heard yet whether a restored allocation is
	// still wanted. Until then no task of it is started.
	doubted bool
	making  bool // this agent was asked for the site and has not answered
	// siteAborted says that it need not any more.
	siteAborted bool
}

// record is what of a Life is kept on disk.
type record struct {
	Version int
	Begun   bool
	BegunAt time.Time `json:",omitzero"`
	// Ending says why all tasks are being ended, once they are.
	Ending Cause `json:",omitempty"`
	// EndAt is when the first signal may be sent: the group's shutdown delay.
	EndAt      time.Time
	NoDelay    bool `json:",omitempty"` // the tasks' own shutdown delays are skipped
	NoPoststop bool `json:",omitempty"` // poststop tasks are ended like the others
	Tasks      map[string]*taskRecord
	Site       siteRecord `json:",omitzero"`
}

const recordVersion = 1

// taskRecord is what of a task is kept on disk.
type taskRecord struct {
	Phase   Phase
	Attempt int            // number of the latest start, from 1
	Handle  *driver.Handle `json:",omitempty"` // of the latest start, while it may be alive
	// Leftover are ended starts that the driver has yet to forget.
	Leftover []driver.Handle `json:",omitempty"`
	Kill     bool            `json:",omitempty"` // it is to end for good
	Again    bool            `json:",omitempty"` // it is to be started again at once when it has ended
	Rewind   bool            `json:",omitempty"` // it is to wait for its turn again when it has ended
	Unwell   bool            `json:",omitempty"` // its end counts as a failure, however it ends
	Wake     time.Time       // when the shutdown delay or the restart delay is over
	Window   Window
	State    taskState
}

// taskState is kept in api's own stored form, which is a tenth of its JSON.
type taskState struct{ api.TaskState }

// MarshalJSON implements json.Marshaler.
func (s *taskState) MarshalJSON() ([]byte, error) {
	b, err := s.MarshalMsg(nil)
	if err != nil {
		return nil, err
	}
	return json.Marshal(b)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *taskState) UnmarshalJSON(in []byte) error {
	var b []byte
	if err := json.Unmarshal(in, &b); err != nil {
		return err
	}
	_, err := s.UnmarshalMsg(b)
	return err
}

type task struct {
	*taskRecord
	spec  TaskSpec
	stuck bool // its driver can't forget some start of it
}

// Cause is why all tasks of an allocation are being ended.
type Cause string

// The causes.
const (
	CauseNone    Cause = ""
	CauseStop    Cause = "stop"    // the servers, or the agent, want it
	CauseSibling Cause = "sibling" // a task failed
	CauseLeader  Cause = "leader"  // the leader ended
	CauseMain    Cause = "main"    // only sidecars are left
	CauseOverrun Cause = "overrun" // it has run for as long as its group may
	CauseContact Cause = "contact" // the agent was out of contact for too long
	CauseSite    Cause = "site"    // what the tasks share could not be made
	CauseDisk    Cause = "disk"    // its files take more than its group may
)

// New returns the life of an allocation that has not begun. jitter returns numbers
// in [0, 1), for restart delays.
func New(spec Spec, jitter func() float64) *Life {
	l := &Life{spec: spec, jitter: jitter, rec: record{Version: recordVersion, Tasks: map[string]*taskRecord{}}}
	l.bind()
	return l
}

// Restore returns the life whose Record was stored before a crash, and what to do
// first. What runs is picked up; nothing is started before Wanted has come, as the
// allocation may have been given up and replaced meanwhile. The spec may be of a newer
// version of the job.
func Restore(spec Spec, stored []byte, jitter func() float64, now time.Time) (*Life, []Action, error) {
	l := &Life{spec: spec, jitter: jitter, doubted: true}
	if err := json.Unmarshal(stored, &l.rec); err != nil {
		return nil, nil, fmt.Errorf("read the stored state of allocation %s: %w", spec.AllocID, err)
	}
	if l.rec.Version != recordVersion {
		return nil, nil, fmt.Errorf("stored state of allocation %s has version %d, this agent reads %d", spec.AllocID, l.rec.Version, recordVersion)
	}
	if l.rec.Tasks == nil {
		l.rec.Tasks = map[string]*taskRecord{}
	}
	l.bind()
	l.pickUp(now)
	l.settle(now)
	return l, l.take(), nil
}

// bind joins the spec's tasks to their records.
func (l *Life) bind() {
	l.tasks = l.tasks[:0]
	for _, ts := range l.spec.Tasks {
		r := l.rec.Tasks[ts.Name]
		if r == nil {
			r = &taskRecord{Phase: PhaseWaiting, State: taskState{api.TaskState{State: api.TaskStatePending}}}
			l.rec.Tasks[ts.Name] = r
		}
		l.tasks = append(l.tasks, &task{taskRecord: r, spec: ts})
	}
}

// pickUp asks for what the record says may be out there.
func (l *Life) pickUp(now time.Time) {
	for _, t := range l.tasks {
		for _, h := range t.Leftover {
			l.do(DestroyTask{Task: t.spec.Name, Handle: h})
		}
		if t.Phase.Alive() {
			l.do(RecoverTask{Task: t.spec.Name, Attempt: t.Attempt, Handle: t.Handle})
		}
		if t.Phase == PhaseBackoff || t.Phase == PhaseDelaying {
			l.do(SetTimer{Task: t.spec.Name, At: t.Wake})
		}
	}
	l.setGroupTimer(now)
	l.doubtSite()
}

// Step applies an event and returns what to do. An event that no longer fits (of an
// earlier start of a task, say) changes nothing.
func (l *Life) Step(ev Event, now time.Time) []Action {
	ev.apply(l, now)
	l.settle(now)
	return l.take()
}

func (l *Life) do(a Action) { l.out = append(l.out, a) }

func (l *Life) take() []Action {
	out := l.out
	l.out = nil
	return out
}

// Record returns what must be stored before the actions of the last Step are
// carried out.
func (l *Life) Record() ([]byte, error) {
	b, err := json.Marshal(&l.rec)
	if err != nil {
		return nil, fmt.Errorf("encode the state of allocation %s: %w", l.spec.AllocID, err)
	}
	return b, nil
}

// Ended reports whether every task has ended for good, and nothing is left of what they
// shared.
func (l *Life) Ended() bool { return l.tasksEnded() && l.siteOver() && !l.making }

// Settled reports whether it has ended and its drivers have nothing left of it.
func (l *Life) Settled() bool {
	return l.Ended() && l.all(func(t *task) bool { return len(t.Leftover) == 0 })
}

// EndedAt returns when the last task ended.
func (l *Life) EndedAt() time.Time {
	var last time.Time
	for _, t := range l.tasks {
		if f := t.State.FinishedAt; f != nil && f.After(last) {
			last = *f
		}
	}
	return last
}

// Task returns the phase and the latest start of a task, with its handle if it has
// one, or false if there is no such task.
func (l *Life) Task(name string) (phase Phase, attempt int, h *driver.Handle, ok bool) {
	t := l.find(name)
	if t == nil {
		return "", 0, nil, false
	}
	return t.Phase, t.Attempt, t.Handle, true
}

// Serves reports whether the services of a task, or of the group if it is empty, are
// to be found by others: while the task runs; from when all main tasks have started
// until the allocation is to end. start tells one start of what serves from the next.
func (l *Life) Serves(task string) (start int, ok bool) {
	if l.rec.Ending != CauseNone {
		return 0, false
	}
	if task != "" {
		t := l.find(task)
		if t == nil {
			return 0, false
		}
		return t.Attempt, t.Phase == PhaseRunning
	}
	for _, t := range l.tasks {
		start += t.Attempt
		if t.spec.Role != Main {
			continue
		}
		if t.State.StartedAt == nil {
			return 0, false
		}
		ok = ok || t.Phase != PhaseDead
	}
	return start, ok
}

func (l *Life) find(name string) *task {
	for _, t := range l.tasks {
		if t.spec.Name == name {
			return t
		}
	}
	return nil
}

// current returns the task if the attempt is its latest start.
func (l *Life) current(name string, attempt int) *task {
	if t := l.find(name); t != nil && t.Attempt == attempt {
		return t
	}
	return nil
}

// isAt reports whether a start is the latest; 0 stands for that.
func (t *task) isAt(attempt int) bool { return attempt == 0 || attempt == t.Attempt }

// move applies a stimulus and reports whether it did anything.
func (t *task) move(s stimulus) bool {
	to, ok := transitions[t.Phase][s]
	if !ok {
		return false
	}
	t.Phase = to
	t.State.State = to.state()
	return true
}
