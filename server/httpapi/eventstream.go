package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

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
// faster than its client reads, and ends with an error when that is too slow, or when
// the events after ?index= are not kept any more.
func streamEvents(c *call) error {
	if c.query.Has("kind") {
		return streamObjects(c)
	}
	from, err := c.number("index")
	if err != nil {
		return err
	}
	wanted, err := newSubscription(c)
	if err != nil {
		return err
	}
	if err := c.api.store.Sync(c.http.Context()); err != nil {
		return err
	}
	e := &eventStream{c: c, wanted: wanted, begun: from > 1}
	e.feed = c.api.store.Watch(max(from, 1)-1, e.wanted.kinds()...)
	defer func() { e.feed.Close() }()
	c.w.Header().Set("Content-Type", "application/json")
	c.stateHeaders(c.api.store.Snapshot().Index(), c.api.store.Leader())
	c.w.WriteHeader(http.StatusOK)
	if err := e.flush(); err != nil {
		return err
	}
	if c.http.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(c.http.Context())
	defer cancel()
	defer context.AfterFunc(c.api.serving, cancel)()
	return e.run(ctx, e.show)
}

// eventStream is one client's stream.
type eventStream struct {
	c      *call
	wanted subscription
	feed   store.Feed
	begun  bool // nothing may be left out from here on
	read   bool // changes have been read
}

// run shows changes until the client leaves or the stream can't go on.
func (e *eventStream) run(ctx context.Context, show func([]store.Change) error) error {
	for {
		changes, err := e.next(ctx)
		switch {
		case errors.Is(err, store.ErrResync) && !e.begun:
			// Whoever asks for no index gets what is kept, and if that is not all, what
			// comes.
			e.feed.Close()
			e.feed = e.c.api.store.Watch(e.c.api.store.Snapshot().Index(), e.wanted.kinds()...)
			e.begun = true
			continue
		case errors.Is(err, store.ErrResync) && !e.read:
			return e.fail(http.StatusGone, "the events after that index are not kept any more: list what you need, then stream from its index")
		case errors.Is(err, store.ErrResync):
			return e.fail(http.StatusTooManyRequests, "the stream was read too slowly and events were lost: list what you need, then stream from its index")
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return e.fail(statusOf(err), err.Error())
		}
		e.begun, e.read = true, true
		if err := show(changes); err != nil {
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

// show writes a line for every index of the changes that has events: an api.Events,
// event by event. A line may have thousands, and there may be many clients that do
// not read: none has more than one event in memory.
func (e *eventStream) show(changes []store.Change) error {
	v := newView(e.c.api.store.Snapshot())
	var line uint64 // index of the line that is being written; 0: none
	for _, change := range changes {
		event, ok := eventOf(v.s, change)
		if !ok || !e.wanted.wants(&event.Event) {
			continue
		}
		before := ","
		if change.Index != line {
			before = fmt.Sprintf(`{"Index":%d,"Events":[`, change.Index)
			if line != 0 {
				before = endOfLine + before
			}
			line = change.Index
		}
		event.Payload = map[string]any{event.Topic: event.payload(v)}
		if err := e.write(before, event.Event); err != nil {
			return err
		}
	}
	if line == 0 {
		return nil
	}
	_, err := io.WriteString(e.c.w, endOfLine)
	return err
}

const endOfLine = "]}\n"

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
	if err := e.write("", value); err != nil {
		return err
	}
	_, err := io.WriteString(e.c.w, "\n")
	return err
}

// write writes a text and a value behind it.
func (e *eventStream) write(before string, value any) error {
	encoded, err := encodeJSON(value, false)
	if err != nil {
		return fmt.Errorf("encode events: %w", err)
	}
	_, err = e.c.w.Write(append([]byte(before), encoded...))
	return err
}

func (e *eventStream) flush() error { return e.c.w.FlushError() }
