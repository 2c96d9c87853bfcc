package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/droverhq/drover/api"
)

// Objects are objects in their stored form, for controllers outside of the servers:
// package reconcile/remote is made of it.
type Objects struct{ c *Client }

// Apply makes a transaction and returns its index. A condition that does not hold is an
// api.ErrConflict, a kind that can't be written from outside an api.ErrNotSupported.
func (o *Objects) Apply(ctx context.Context, txn api.TxnRequest) (uint64, error) {
	out, err := send[api.IndexResponse](ctx, o.c, http.MethodPut, "/v1/txn", Query{}, txn)
	return out.Index, err
}

// ObjectEvent is one event of a stream of stored objects.
type ObjectEvent struct {
	Type   string // api.EventObjectListed and so on
	Index  uint64
	Object *api.StoredObject // nil for api.EventObjectsListed
}

// Follow calls f with the events of every index of the kinds from an index on; from
// index 0, with all objects first. It returns f's error, or why the stream ended: see
// Lost.
func (o *Objects) Follow(ctx context.Context, from uint64, kinds []api.Kind, f func([]ObjectEvent) error) error {
	v := o.c.values(Query{})
	for _, k := range kinds {
		v.Add("kind", string(k))
	}
	return o.c.follow(ctx, from, v, func(line []byte) error {
		var in struct {
			Events []struct {
				Type    string
				Index   uint64
				Payload struct{ Object *api.StoredObject }
			}
		}
		if err := json.Unmarshal(line, &in); err != nil {
			return fmt.Errorf("read event stream: %w", err)
		}
		var out []ObjectEvent
		for _, e := range in.Events {
			out = append(out, ObjectEvent{Type: e.Type, Index: e.Index, Object: e.Payload.Object})
		}
		return f(out) // a heartbeat has none
	})
}

// Lost reports whether a stream ended because the server does not have what comes next:
// what is followed must be listed again.
func Lost(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && (status.Code == http.StatusGone || status.Code == http.StatusTooManyRequests)
}
