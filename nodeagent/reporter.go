package nodeagent

import (
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
)

const (
	// reportDelay is how long a report may wait that changes nothing that anybody
	// decides on: most are overtaken by one that does.
	reportDelay = 250 * time.Millisecond
	// reportMax and reportBytes bound one batch: it is one transaction of the store.
	reportMax   = 2048
	reportBytes = 1 << 20
	// reportFlights is how many batches may be unacknowledged: one is on its way while
	// the other is committed.
	reportFlights = 2
)

// reporter keeps the newest status of each allocation until a server has it. A
// status that is overtaken before it is sent is never sent.
type reporter struct {
	mu      sync.Mutex // guards the rest
	reports map[string]*report
	urgent  []string // IDs to send now, in order
	patient []string // IDs to send at patientAt
	due     time.Time
	flights map[uint64][]*report // Seq → what it carries
	seq     uint64
	wake    chan struct{} // holds one token when there may be something to send
	empty   chan struct{} // closed when there is nothing left; nil if nobody asks
}

// report is the newest status of an allocation that no server has yet.
type report struct {
	status *api.AllocationStatus
	queue  queueState
	flying bool // an older status of it, or this one, awaits its acknowledgement
}

type queueState int

const (
	unqueued queueState = iota
	patient
	urgent
)

func newReporter() *reporter {
	return &reporter{reports: map[string]*report{}, flights: map[uint64][]*report{}, wake: make(chan struct{}, 1)}
}

// report takes a status. It is sent at once if somebody may decide on it.
func (r *reporter) report(s *api.AllocationStatus, now bool, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rep := r.reports[s.ID]
	if rep == nil {
		rep = &report{}
		r.reports[s.ID] = rep
	}
	rep.status = s
	want := patient
	if now {
		want = urgent
	}
	r.enqueue(s.ID, rep, max(want, rep.queue), at)
}

// enqueue is called with mu held. While an earlier status of the allocation is in
// flight, the newer one waits: batches may be committed in any order.
func (r *reporter) enqueue(id string, rep *report, want queueState, at time.Time) {
	if rep.flying {
		rep.queue = want
		return
	}
	switch {
	case want == rep.queue:
	case want == urgent:
		r.urgent = append(r.urgent, id)
	case want == patient:
		if len(r.patient) == 0 {
			r.due = at.Add(reportDelay)
		}
		r.patient = append(r.patient, id)
	}
	rep.queue = want
	r.signal()
}

func (r *reporter) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next returns a batch to send, or how long until there may be one (0: until wake).
func (r *reporter) next(now time.Time) (*session.StatusBatch, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.patient) > 0 && !r.due.After(now) {
		r.hurry()
	}
	if len(r.urgent) > 0 && len(r.flights) < reportFlights {
		if b := r.batch(); b != nil {
			return b, 0
		}
	}
	if len(r.patient) > 0 {
		return nil, r.due.Sub(now)
	}
	return nil, 0
}

// hurry moves what was patient to what is urgent.
func (r *reporter) hurry() {
	for _, id := range r.patient {
		if rep := r.reports[id]; rep != nil && rep.queue == patient && !rep.flying {
			rep.queue = urgent
			r.urgent = append(r.urgent, id)
		}
	}
	r.patient = nil
}

func (r *reporter) batch() *session.StatusBatch {
	b := &session.StatusBatch{}
	size, taken := 0, 0
	var aboard []*report
	for _, id := range r.urgent {
		if len(aboard) >= reportMax || size >= reportBytes {
			break
		}
		taken++
		rep := r.reports[id]
		if rep == nil || rep.queue != urgent || rep.flying {
			continue // forgotten, or sent already
		}
		rep.queue, rep.flying = unqueued, true
		b.Statuses = append(b.Statuses, rep.status)
		aboard = append(aboard, rep)
		size += rep.status.Msgsize()
	}
	r.urgent = r.urgent[taken:]
	if len(r.urgent) == 0 {
		r.urgent = nil
	}
	if len(aboard) == 0 {
		return nil
	}
	r.seq++
	b.Seq = r.seq
	r.flights[b.Seq] = aboard
	return b
}

// acknowledge notes that a batch is in the store.
func (r *reporter) acknowledge(seq uint64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rep := range r.flights[seq] {
		rep.flying = false
		id := rep.status.ID
		if r.reports[id] != rep {
			continue // forgotten
		}
		if rep.queue == unqueued {
			delete(r.reports, id)
			continue
		}
		want := rep.queue
		rep.queue = unqueued
		r.enqueue(id, rep, want, now)
	}
	delete(r.flights, seq)
	r.signal()
	r.tellEmpty()
}

// reset notes that the session has ended: what was in flight is sent again.
func (r *reporter) reset(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, aboard := range r.flights {
		for _, rep := range aboard {
			rep.flying = false
			if id := rep.status.ID; r.reports[id] == rep {
				rep.queue = unqueued
				r.enqueue(id, rep, urgent, now)
			}
		}
	}
	clear(r.flights)
}

// has reports whether there is something to be reported of an allocation.
func (r *reporter) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reports[id] != nil
}

// forget drops what is to be reported of an allocation.
func (r *reporter) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.reports, id)
	r.tellEmpty()
}

// done returns a channel that is closed when servers have every report.
func (r *reporter) done() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.empty == nil {
		r.empty = make(chan struct{})
	}
	done := r.empty
	r.tellEmpty()
	return done
}

func (r *reporter) tellEmpty() {
	if r.empty != nil && len(r.reports) == 0 {
		close(r.empty)
		r.empty = nil
	}
}
