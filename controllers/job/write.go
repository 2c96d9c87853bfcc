package job

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/droverhq/drover/controllers/job/room"
)

// inFlight is how many transactions of a pass are under way at once: while one is
// applied, another is replicated and a third encoded.
const inFlight = 3

// write commits the transactions of a pass. One that leads goes ahead, as it begins the
// rollout that the others are part of; the last, which answers the evaluations, goes
// when all others are committed. Those between, which nothing ties to each other, are
// under way together. Once one has failed no other is begun.
func (c *controller) write(ctx context.Context, steps iter.Seq[step], r *room.Reservation) error {
	under := &flights{free: make(chan struct{}, inFlight)}
	defer under.running.Wait() // also if composing panics
	var last *step
	for s := range steps {
		if before := last; before != nil && !under.begin(func() error { return c.commit(ctx, before, r) }, before.leads) {
			break
		}
		last = &s
	}
	if err := under.wait(); err != nil || last == nil {
		return err
	}
	return c.commit(ctx, last, r)
}

func (c *controller) commit(ctx context.Context, s *step, r *room.Reservation) error {
	if _, err := c.client.Apply(ctx, s.txn); err != nil {
		return fmt.Errorf("write a part of what the job needs: %w", err)
	}
	r.Commit(s.placed)
	return nil
}

// flights are calls that are under way, so many at once as free has room for.
type flights struct {
	free    chan struct{}
	running sync.WaitGroup

	mu   sync.Mutex // guards errs
	errs []error
}

// begin begins a call, once there is room for it, and waits for it if it goes alone. It is
// false, and the call not made, when one has failed.
func (f *flights) begin(call func() error, alone bool) bool {
	f.free <- struct{}{}
	if f.failed() != nil {
		<-f.free
		return false
	}
	f.running.Go(func() {
		defer func() { <-f.free }()
		if err := call(); err != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.errs = append(f.errs, err)
		}
	})
	if alone {
		return f.wait() == nil
	}
	return true
}

// wait waits for all calls, and returns their errors.
func (f *flights) wait() error {
	f.running.Wait()
	return f.failed()
}

func (f *flights) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}
