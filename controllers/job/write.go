package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/droverhq/drover/controllers/job/room"
)

// inFlight is how many transactions of a pass are under way at once: while one is
// applied, another is replicated and a third encoded.
const inFlight = 3

// write commits the transactions of a pass. The first goes ahead, as it begins the
// rollout that the others are part of; the last, which answers the evaluations, goes
// when all others are committed. Those between, which nothing ties to each other, are
// under way together. Once one has failed no other is begun.
func (c *controller) write(ctx context.Context, steps []step, r *room.Reservation) error {
	commits := make([]func() error, len(steps))
	for n, s := range steps {
		commits[n] = func() error {
			if _, err := c.client.Apply(ctx, s.txn); err != nil {
				return fmt.Errorf("write part %d of %d of what the job needs: %w", n+1, len(steps), err)
			}
			r.Commit(s.placed)
			return nil
		}
	}
	for len(commits) > 0 {
		part := commits[:1]
		if len(commits) == len(steps) || len(commits) == 1 {
			commits = commits[1:]
		} else {
			part, commits = commits[:len(commits)-1], commits[len(commits)-1:]
		}
		if err := together(part); err != nil {
			return err
		}
	}
	return nil
}

// together calls functions, a few at a time, until one fails, and waits for all that
// it called.
func together(calls []func() error) error {
	var next atomic.Int64
	var failed atomic.Bool
	var running sync.WaitGroup
	errs := make([]error, len(calls))
	for range min(inFlight, len(calls)) {
		running.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(calls)) && !failed.Load(); n = next.Add(1) - 1 {
				if errs[n] = calls[n](); errs[n] != nil {
					failed.Store(true)
				}
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
