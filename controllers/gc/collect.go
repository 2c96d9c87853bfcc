package gc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Store is what is collected from: a store.Store, or the client of a controller.
type Store interface {
	Snapshot() store.Snapshot
	Apply(ctx context.Context, txn store.Txn) (store.Result, error)
}

// Report says what a collection did.
type Report struct {
	Removed int  // objects
	More    bool // whether the pass ended at its limit
}

// unit is a few objects that go together, if the conditions hold.
type unit struct {
	conditions []store.Condition
	deletes    []api.Key
}

// txnLimit is how many objects a transaction removes: few enough to commit in
// milliseconds, many enough to be worth a round of raft.
const txnLimit = 1000

// Collect makes one pass: it removes what has ended and is old enough, up to the limit
// of the options, whose zero values are defaults.
func Collect(ctx context.Context, s Store, now time.Time, o Options) (Report, error) {
	return pass(ctx, s, now, o.withDefaults(), false)
}

// Force removes everything that has ended, however recently, in passes until nothing
// is left. See the package page for where it may be called.
func Force(ctx context.Context, s Store, now time.Time, o Options) (Report, error) {
	var total Report
	for {
		r, err := pass(ctx, s, now, o.withDefaults(), true)
		total.Removed += r.Removed
		if err != nil || r.Removed == 0 {
			return total, err
		}
	}
}

func pass(ctx context.Context, s Store, now time.Time, o Options, force bool) (Report, error) {
	c := collector{ctx: ctx, store: s, limit: o.PassLimit}
	crowd := crowding(reading{s.Snapshot(), ctx}, o)
	for _, p := range phases {
		c.begin()
		for u := range p.find(age{reading{s.Snapshot(), ctx}, now, o, crowd, force}) {
			if err := c.add(u); err != nil {
				return c.report, fmt.Errorf("remove %s: %w", p.what, err)
			}
			if c.report.More {
				return c.report, nil
			}
		}
		if err := c.flush(); err != nil {
			return c.report, fmt.Errorf("remove %s: %w", p.what, err)
		}
	}
	return c.report, ctx.Err()
}

// collector removes units, many in a transaction.
type collector struct {
	ctx    context.Context
	store  Store
	limit  int
	report Report

	chunk []unit
	size  int
}

func (c *collector) begin() { c.chunk, c.size = nil, 0 }

// add takes a unit, and removes what was taken when it is enough.
func (c *collector) add(u unit) error {
	c.chunk = append(c.chunk, u)
	c.size += len(u.deletes)
	if c.size < txnLimit && c.report.Removed+c.size < c.limit {
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.report.More = c.report.Removed >= c.limit
	return nil
}

// flush removes the units that were taken. If one of them has changed meanwhile, it
// stays and the others go.
func (c *collector) flush() error {
	chunk := c.chunk
	c.begin()
	err := c.remove(chunk)
	if len(chunk) < 2 || !errors.Is(err, api.ErrConflict) {
		return ignoreConflict(err)
	}
	for _, u := range chunk {
		if err := ignoreConflict(c.remove([]unit{u})); err != nil {
			return err
		}
	}
	return nil
}

func ignoreConflict(err error) error {
	if errors.Is(err, api.ErrConflict) {
		return nil
	}
	return err
}

func (c *collector) remove(units []unit) error {
	if len(units) == 0 {
		return nil
	}
	if err := c.ctx.Err(); err != nil {
		return err // what was found may be wrong: see reading
	}
	var txn store.Txn
	seen := make(map[api.Key]bool)
	for _, u := range units {
		for _, condition := range u.conditions {
			if !seen[condition.Key] {
				seen[condition.Key] = true
				txn.Conditions = append(txn.Conditions, condition)
			}
		}
		for _, key := range u.deletes {
			txn.Writes = append(txn.Writes, store.Delete(key))
		}
	}
	if _, err := c.store.Apply(c.ctx, txn); err != nil {
		return err
	}
	c.report.Removed += len(txn.Writes)
	return nil
}
