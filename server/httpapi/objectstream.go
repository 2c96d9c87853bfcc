package httpapi

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// streamObjects is GET /v1/event/stream?kind=: the objects of some kinds as they are
// stored, for controllers outside of the servers. Without an index it begins with all
// that there are, and the event that says so; then come changes. What can't be gone on
// with ends with the error 410: list again.
func streamObjects(c *call) error {
	var followed []api.Kind
	for _, k := range c.query["kind"] {
		if !api.Followed(api.Kind(k)) {
			return malformed("objects of kind %q can't be followed", k)
		}
		followed = append(followed, api.Kind(k))
	}
	from, err := c.number("index")
	if err != nil {
		return err
	}
	if err := c.api.store.Sync(c.http.Context()); err != nil {
		return err
	}
	snapshot := c.api.store.Snapshot()
	after := snapshot.Index()
	if from > 0 {
		after = from - 1
	}
	o := &objectStream{eventStream{c: c, feed: c.api.store.Watch(after, followed...), begun: true}}
	defer o.feed.Close()
	c.w.Header().Set("Content-Type", "application/json")
	c.stateHeaders(snapshot.Index(), c.api.store.Leader())
	ctx, cancel := context.WithCancel(c.http.Context())
	defer cancel()
	defer context.AfterFunc(c.api.serving, cancel)()
	if from == 0 {
		if err := o.list(ctx, snapshot, followed); err != nil {
			return err
		}
	}
	if err := o.flush(); err != nil {
		return err
	}
	return o.run(ctx, o.showChanges)
}

// objectStream is one client's stream of stored objects.
type objectStream struct{ eventStream }

// list shows all objects of the kinds.
func (o *objectStream) list(ctx context.Context, s store.Snapshot, kinds []api.Kind) error {
	for _, k := range kinds {
		for object := range s.Scan(store.Query{Kind: k}) {
			if ctx.Err() != nil {
				return nil
			}
			if err := o.object(s.Index(), api.EventObjectListed, object); err != nil {
				return err
			}
		}
	}
	return o.line(api.Events{Index: s.Index(), Events: []api.Event{{Type: api.EventObjectsListed, Index: s.Index()}}})
}

// showChanges writes a line for every index.
func (o *objectStream) showChanges(changes []store.Change) error {
	for i := 0; i < len(changes); {
		line := api.Events{Index: changes[i].Index}
		for ; i < len(changes) && changes[i].Index == line.Index; i++ {
			e, err := storedEvent(changes[i])
			if err != nil {
				return err
			}
			line.Events = append(line.Events, e)
		}
		if err := o.line(line); err != nil {
			return err
		}
	}
	return nil
}

func (o *objectStream) object(index uint64, eventType string, object api.Object) error {
	e, err := objectEvent(index, eventType, object)
	if err != nil {
		return err
	}
	return o.line(api.Events{Index: index, Events: []api.Event{e}})
}

func storedEvent(c store.Change) (api.Event, error) {
	if c.New != nil {
		return objectEvent(c.Index, api.EventObjectWritten, c.New)
	}
	return api.Event{
		Topic: string(c.Key.Kind), Type: api.EventObjectDeleted, Key: c.Key.ID, Namespace: c.Key.Namespace, Index: c.Index,
		Payload: map[string]any{api.EventPayloadObject: &api.StoredObject{Kind: c.Key.Kind, Namespace: c.Key.Namespace, ID: c.Key.ID}},
	}, nil
}

func objectEvent(index uint64, eventType string, object api.Object) (api.Event, error) {
	if n, ok := object.(*api.Node); ok {
		public := *n
		public.SecretID = ""
		object = &public
	}
	if v, ok := object.(*api.CSIVolume); ok {
		public := *v
		public.Secrets = nil
		object = &public
	}
	stored, err := api.Store(object)
	if err != nil {
		return api.Event{}, fmt.Errorf("show objects: %w", err)
	}
	return api.Event{
		Topic: string(stored.Kind), Type: eventType, Key: stored.ID, Namespace: stored.Namespace, Index: index,
		Payload: map[string]any{api.EventPayloadObject: stored},
	}, nil
}
