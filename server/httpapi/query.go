package httpapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/droverhq/drover/server/watch"
	"github.com/droverhq/drover/store"
)

// How long a blocking query waits when nothing changes.
const (
	defaultWait = 5 * time.Minute
	maxWait     = 10 * time.Minute
	// A sixteenth is added at random, so that queries that began together do not come
	// again together.
	waitJitter = 16
)

// read is a query of the store.
type read struct {
	// topics says what the answer is made of, so that a blocking query waits for
	// changes of that.
	topics topics
	// answer makes the answer from one snapshot.
	answer func(s store.Snapshot, c *call) (any, error)
}

// serve answers a query: linearizable unless ?stale is given, and with ?index only
// once something has changed since, or ?wait is over.
func (q read) serve(c *call) error {
	o, err := c.queryOptions()
	if err != nil {
		return err
	}
	ctx := c.http.Context()
	if !o.stale {
		if err := c.api.store.Sync(ctx); err != nil {
			return err
		}
	}
	if o.index > 0 {
		if err := c.api.await(ctx, o, q.topics(c.api.store.Snapshot(), c)); err != nil {
			return err
		}
	}
	s := c.api.store.Snapshot()
	c.stateHeaders(s.Index(), c.api.store.Leader())
	value, err := q.answer(s, c)
	if err != nil {
		return err
	}
	return c.answer(value)
}

type queryOptions struct {
	index uint64
	wait  time.Duration
	stale bool
}

func (c *call) queryOptions() (queryOptions, error) {
	var o queryOptions
	var err error
	if o.stale, err = c.flag("stale"); err != nil {
		return o, err
	}
	if o.index, err = c.number("index"); err != nil {
		return o, err
	}
	if o.wait, err = c.duration("wait", defaultWait); err != nil {
		return o, err
	}
	o.wait = min(o.wait, maxWait)
	return o, nil
}

// await returns once one of the topics may have changed after the index, or when the
// wait is over or the server stops. Its error is that of the client's context.
func (a *API) await(ctx context.Context, o queryOptions, topics []watch.Topic) error {
	wait := o.wait
	if spread := int64(wait) / waitJitter; spread > 0 {
		wait += time.Duration(rand.Int64N(spread))
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := a.hub.Wait(waiting, o.index, topics...)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case waiting.Err() != nil, errors.Is(err, watch.ErrStopped):
		return nil
	}
	return err
}
