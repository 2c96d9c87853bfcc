package tally

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// ErrStopped is returned when nothing follows the store any more.
var ErrStopped = errors.New("tally: it has stopped")

// keptFor is how long a job is counted on when nobody asks: longer than people and
// dashboards pause between two looks.
const keptFor = 5 * time.Minute

// patience is how long is waited for the feed to get to an index before a job is counted
// again: a feed says nothing of a transaction that changed nothing.
const patience = 100 * time.Millisecond

// Tally counts the allocations of jobs. Its methods may be called concurrently.
type Tally struct {
	store store.Store
	now   func() time.Time

	mu      sync.Mutex    // guards what follows
	at      uint64        // index up to which changes are counted
	moved   chan struct{} // closed, and replaced, when at moves
	jobs    map[string]*job
	swept   time.Time // when it was last looked for jobs that nobody asks for
	stopped bool
}

// New returns a tally of no job.
func New(s store.Store) *Tally {
	t := &Tally{store: s, now: time.Now, at: s.Snapshot().Index(), moved: make(chan struct{}), jobs: map[string]*job{}}
	t.swept = t.now()
	return t
}

// Start follows the store until the context ends. It must be called once.
func (t *Tally) Start(ctx context.Context) error {
	defer t.stop()
	// All kinds, though two count: only so does the feed say how far it is.
	feed := t.store.Watch(t.at)
	defer func() { feed.Close() }()
	for {
		changes, seen, err := feed.Next(ctx)
		switch {
		case errors.Is(err, store.ErrResync):
			feed.Close()
			feed = t.store.Watch(t.forget())
			continue
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("count allocations: %w", err)
		}
		t.follow(changes, seen)
	}
}

// Add adds what a job's allocations do to its summary, as of index or later. The error
// is the context's, or ErrStopped.
func (t *Tally) Add(ctx context.Context, index uint64, s *api.JobSummary) error {
	value := store.JobValue(s.Namespace, s.JobID)
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if t.stopped {
			return ErrStopped
		}
		j := t.jobs[value]
		if j == nil || waiting.Err() != nil {
			j = count(t.store.Snapshot(), value)
			t.jobs[value] = j
		}
		if max(t.at, j.from) >= index {
			j.asked = t.now()
			j.addTo(s)
			return nil
		}
		t.wait(waiting)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// wait waits, without mu, until more is counted.
func (t *Tally) wait(ctx context.Context) {
	moved := t.moved
	t.mu.Unlock()
	defer t.mu.Lock()
	select {
	case <-moved:
	case <-ctx.Done():
	}
}

func (t *Tally) follow(changes []store.Change, seen uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.jobs) > 0 {
		for _, c := range changes {
			t.change(c)
		}
	}
	t.move(seen)
	if now := t.now(); now.Sub(t.swept) > keptFor/5 {
		t.swept = now
		for value, j := range t.jobs {
			if now.Sub(j.asked) > keptFor {
				delete(t.jobs, value)
			}
		}
	}
}

// move notes how far is counted. The caller holds mu.
func (t *Tally) move(index uint64) {
	t.at = index
	close(t.moved)
	t.moved = make(chan struct{})
}

// forget forgets all jobs, after changes were missed, and returns the index to follow
// the store from.
func (t *Tally) forget() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.jobs)
	t.move(t.store.Snapshot().Index())
	return t.at
}

func (t *Tally) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	clear(t.jobs)
	t.move(t.at)
}

func (t *Tally) change(c store.Change) {
	switch c.Key.Kind {
	case api.KindAllocation:
		after, _ := c.New.(*api.Allocation)
		a := after
		if a == nil {
			a = c.Old.(*api.Allocation)
		}
		if j := t.jobs[store.JobValue(a.Namespace, a.JobID)]; j != nil && c.Index > j.from {
			j.allocation(a, after != nil)
		}
	case api.KindAllocationStatus:
		after, _ := c.New.(*api.AllocationStatus)
		s := after
		if s == nil {
			s = c.Old.(*api.AllocationStatus)
		}
		if j := t.jobs[store.JobValue(s.Namespace, s.JobID)]; j != nil && c.Index > j.from {
			j.status(s, after != nil)
		}
	}
}

// job is the count of one job.
type job struct {
	from     uint64 // index of the snapshot that was counted; changes up to it are in
	groups   map[string]*api.TaskGroupSummary
	entries  map[entryKey]entry
	modified uint64 // the highest ModifyIndex
	asked    time.Time
}

// entryKey stands for an allocation's ID.
type entryKey [16]byte

func keyOf(id string) (key entryKey) {
	digest := sha256.Sum256([]byte(id))
	copy(key[:], digest[:])
	return key
}

// entry is what is known of an allocation. The zero value is nothing.
type entry struct {
	group  *api.TaskGroupSummary // nil: there is no such allocation (any more)
	lost   word                  // its Lost
	client word                  // what its node agent says; 0: nothing
}

// count counts a job.
func count(snap store.Snapshot, value string) *job {
	j := &job{from: snap.Index(), groups: map[string]*api.TaskGroupSummary{}, entries: map[entryKey]entry{}}
	ofJob := store.Query{Index: store.ByJob, Value: value}
	for a := range store.List[*api.Allocation](snap, ofJob) {
		j.allocation(a, true)
	}
	for s := range store.List[*api.AllocationStatus](snap, ofJob) {
		j.status(s, true)
	}
	return j
}

// allocation counts an allocation as it is now, or that it is gone.
func (j *job) allocation(a *api.Allocation, present bool) {
	j.modified = max(j.modified, a.ModifyIndex)
	j.set(a.ID, func(e *entry) {
		e.group, e.lost = nil, 0
		if present {
			e.group, e.lost = j.group(a.TaskGroup), wordOf(a.Lost)
		}
	})
}

// status counts what a node agent says of an allocation, or that this is gone.
func (j *job) status(s *api.AllocationStatus, present bool) {
	j.modified = max(j.modified, s.ModifyIndex)
	j.set(s.ID, func(e *entry) {
		e.client = 0
		if present {
			e.client = wordOf(s.ClientStatus)
		}
	})
}

func (j *job) group(name string) *api.TaskGroupSummary {
	if j.groups[name] == nil {
		j.groups[name] = &api.TaskGroupSummary{}
	}
	return j.groups[name]
}

// set changes the entry of an allocation and what is counted of it.
func (j *job) set(id string, change func(*entry)) {
	key := keyOf(id)
	e := j.entries[key]
	e.count(-1)
	change(&e)
	e.count(+1)
	if e == (entry{}) {
		delete(j.entries, key)
		return
	}
	j.entries[key] = e
}

func (e *entry) count(n int) {
	if e.group == nil {
		return
	}
	if counter := e.group.Count(api.State(words[e.lost], words[e.client])); counter != nil {
		*counter += n
	}
}

func (j *job) addTo(s *api.JobSummary) {
	for name, counted := range j.groups {
		if *counted == (api.TaskGroupSummary{}) {
			continue // there was something once
		}
		group := s.Summary[name]
		for _, state := range words {
			if counter := group.Count(state); counter != nil {
				*counter += *counted.Count(state)
			}
		}
		s.Summary[name] = group
	}
	s.ModifyIndex = max(s.ModifyIndex, j.modified)
}

// word is a text of which there are few, by its number in words.
type word uint8

var words = [...]string{
	"", api.AllocClientPending, api.AllocClientRunning, api.AllocClientComplete,
	api.AllocClientFailed, api.AllocClientLost, api.AllocClientUnknown, "a word that is counted nowhere",
}

func wordOf(text string) word {
	for n, known := range words {
		if text == known {
			return word(n)
		}
	}
	return word(len(words) - 1)
}
