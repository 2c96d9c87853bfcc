package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// streamError is the last line of a stream that can't go on.
type streamError struct {
	Error struct {
		Code    int
		Message string
	}
}

// streamEvents is GET /v1/event/stream: a line of JSON for every store index with
// events, and an empty object from time to time. It reads the store's change feed no
// faster than its client reads, and ends with an error when that is too slow.
func streamEvents(c *call) error {
	from, err := c.number("index")
	if err != nil {
		return err
	}
	if err := c.api.store.Sync(c.http.Context()); err != nil {
		return err
	}
	e := &eventStream{c: c, wanted: newSubscription(c)}
	e.feed = c.api.store.Watch(max(from, 1)-1, e.wanted.kinds()...)
	defer func() { e.feed.Close() }()
	c.w.Header().Set("Content-Type", "application/json")
	c.stateHeaders(c.api.store.Snapshot().Index(), c.api.store.Leader())
	c.w.WriteHeader(200)
	if err := e.flush(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.http.Context())
	defer cancel()
	defer context.AfterFunc(c.api.serving, cancel)()
	return e.run(ctx)
}

// eventStream is one client's stream.
type eventStream struct {
	c      *call
	wanted subscription
	feed   store.Feed
	begun  bool // changes have been read
}

func (e *eventStream) run(ctx context.Context) error {
	for {
		changes, err := e.next(ctx)
		switch {
		case errors.Is(err, store.ErrResync) && !e.begun:
			// What was asked for is not kept any more: begin with what comes.
			e.feed.Close()
			e.feed = e.c.api.store.Watch(e.c.api.store.Snapshot().Index(), e.wanted.kinds()...)
			e.begun = true
			continue
		case errors.Is(err, store.ErrResync):
			return e.fail(429, "the stream was read too slowly and events were lost: list what you need, then stream from its index")
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return e.fail(statusOf(err), err.Error())
		}
		e.begun = true
		if err := e.show(changes); err != nil {
			return err
		}
		if err := e.flush(); err != nil {
			return err
		}
	}
}

// next returns the next changes, or none when it is time for a sign of life.
func (e *eventStream) next(ctx context.Context) ([]store.Change, error) {
	waiting, cancel := context.WithTimeout(ctx, e.c.api.limits.Heartbeat)
	defer cancel()
	changes, _, err := e.feed.Next(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil && !errors.Is(err, store.ErrResync) {
		return nil, e.line(struct{}{})
	}
	return changes, err
}

// show writes a line for every index of the changes that has events.
func (e *eventStream) show(changes []store.Change) error {
	s := e.c.api.store.Snapshot()
	v := newView(s)
	for len(changes) > 0 {
		line := api.Events{Index: changes[0].Index}
		for len(changes) > 0 && changes[0].Index == line.Index {
			if event, ok := eventOf(s, changes[0]); ok && e.wanted.wants(&event.Event) {
				event.Payload = map[string]any{event.Topic: event.payload(v)}
				line.Events = append(line.Events, event.Event)
			}
			changes = changes[1:]
		}
		if len(line.Events) > 0 {
			if err := e.line(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// fail ends the stream with a line that says why.
func (e *eventStream) fail(code int, message string) error {
	var last streamError
	last.Error.Code, last.Error.Message = code, message
	if err := e.line(last); err != nil {
		return err
	}
	return e.flush()
}

func (e *eventStream) line(value any) error {
	encoded, err := encodeJSON(value, false)
	if err != nil {
		return fmt.Errorf("encode events: %w", err)
	}
	_, err = e.c.w.Write(append(encoded, '\n'))
	return err
}

func (e *eventStream) flush() error { return e.c.w.FlushError() }
