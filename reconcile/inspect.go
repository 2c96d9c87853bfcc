package reconcile

import "time"

// KeyState is where the queue of a controller has a key.
type KeyState string

// The states of a key.
const (
	KeyIdle     KeyState = "idle"     // nothing is to be done, as far as the controller knows
	KeyQueued   KeyState = "queued"   // waits for a worker
	KeyWorking  KeyState = "working"  // a worker has it
	KeyResting  KeyState = "resting"  // its last pass was long: it is left alone for a while
	KeyRetrying KeyState = "retrying" // its last pass failed: waits to be tried again
	KeyWaiting  KeyState = "waiting"  // its last pass asked that it be looked at again later
)

// KeyStatus says why a key is, or is not, being worked on.
type KeyStatus struct {
	State    KeyState
	Since    time.Time // queued, working: since when
	Until    time.Time // resting, retrying, waiting: until when, unless something changes
	Again    bool      // working, resting: it was added again meanwhile, and is queued next
	Priority int       // that it was added with
	Failures int       // passes in a row that failed or conflicted
	Err      error     // of the last of these
}

// Key says what a controller does with a key, on this server, now. It is false if there
// is no such controller, or if it does not run because another server leads.
func (m *Manager) Key(controller string, req Request) (KeyStatus, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.controllers {
		if c.name != controller {
			continue
		}
		if r := c.running.Load(); r != nil {
			return r.queue.inspect(req), true
		}
	}
	return KeyStatus{}, false
}

// inspect says where a request is.
func (q *queue) inspect(req Request) KeyStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	it, known := q.items[req]
	if !known {
		return KeyStatus{State: KeyIdle}
	}
	s := KeyStatus{Priority: it.priority, Failures: it.failures, Err: it.err, Again: it.state == itemDirty}
	switch {
	case it.state == itemReady:
		s.State, s.Since = KeyQueued, it.due
	case it.state == itemDelayed && it.failures > 0:
		s.State, s.Until = KeyRetrying, it.due
	case it.state == itemDelayed:
		s.State, s.Until = KeyWaiting, it.due
	case it.resting:
		s.State, s.Until = KeyResting, it.due
	default:
		s.State, s.Since = KeyWorking, it.due
	}
	return s
}

// lengths are how many requests are ready, with workers, and waiting for their time.
func (q *queue) lengths() (ready, working, delayed int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ready), q.working, len(q.delayed)
}
