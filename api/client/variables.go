package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

// Variables are the routes /v1/vars and /v1/var/PATH.
type Variables struct{ c *Client }

// VariableConflict says that a variable is not what a write took it for. It is an
// api.ErrConflict.
type VariableConflict struct {
	Expected uint64        // the index that was given
	Is       *api.Variable // with an index of 0 if there is none
}

func (e *VariableConflict) Error() string {
	return fmt.Sprintf("cas conflict: expected ModifyIndex %d; found %d", e.Expected, e.Is.ModifyIndex)
}

// Unwrap says what kind of error it is.
func (e *VariableConflict) Unwrap() error { return api.ErrConflict }

func variablePath(path string) string {
	return (&url.URL{Path: "/v1/var/" + path}).EscapedPath()
}

// List returns the variables whose paths begin with the prefix of the query, without their
// items.
func (v *Variables) List(ctx context.Context, q Query) ([]*api.VariableMetadata, api.QueryMeta, error) {
	return get[[]*api.VariableMetadata](ctx, v.c, "/v1/vars", q)
}

// Get returns a variable.
func (v *Variables) Get(ctx context.Context, path string, q Query) (*api.Variable, api.QueryMeta, error) {
	return get[*api.Variable](ctx, v.c, variablePath(path), q)
}

// Put writes a variable; with cas only if it was last written at that index, or is new if
// that is 0. Errors: *VariableConflict.
func (v *Variables) Put(ctx context.Context, in *api.Variable, cas *uint64) (*api.Variable, error) {
	out, err := send[*api.Variable](ctx, v.c, http.MethodPut, variablePath(in.Path), guarded(Query{Namespace: in.Namespace}, cas), in)
	return out, conflictOf(err, cas)
}

// Delete removes a variable for good; with cas only if it was last written at that index.
// Errors: *VariableConflict.
func (v *Variables) Delete(ctx context.Context, path string, cas *uint64, q Query) error {
	return conflictOf(v.c.write(ctx, http.MethodDelete, variablePath(path), guarded(q, cas), nil), cas)
}

// guarded adds the index at which something must have been written last.
func guarded(q Query, cas *uint64) Query {
	if cas != nil {
		params := maps.Clone(q.Params)
		if params == nil {
			params = map[string]string{}
		}
		params["cas"] = strconv.FormatUint(*cas, 10)
		q.Params = params
	}
	return q
}

// conflictOf makes a typed error of the answer to a write that came too late.
func conflictOf(err error, cas *uint64) error {
	var status *StatusError
	if cas == nil || !errors.As(err, &status) || status.Code != http.StatusConflict {
		return err
	}
	conflict := &VariableConflict{Expected: *cas}
	if json.Unmarshal([]byte(status.Body), &conflict.Is) != nil || conflict.Is == nil {
		return err // a conflict of another kind
	}
	return conflict
}

// RootKeys are the routes below /v1/operator/keyring.
type RootKeys struct{ c *Client }

// List returns the root keys, oldest first, without what they seal with.
func (k *RootKeys) List(ctx context.Context, q Query) ([]*api.RootKeyMeta, api.QueryMeta, error) {
	return get[[]*api.RootKeyMeta](ctx, k.c, "/v1/operator/keyring/keys", q)
}

// Rotate makes a new key the active one; with full all variables are sealed with it, in
// the background.
func (k *RootKeys) Rotate(ctx context.Context, full bool) (*api.RootKeyMeta, error) {
	q := Query{}
	if full {
		q.Params = extra("full", "true")
	}
	out, err := send[api.KeyringRotateResponse](ctx, k.c, http.MethodPut, "/v1/operator/keyring/rotate", q, nil)
	return out.Key, err
}

// Remove removes a key that is not active, with force also one that variables are sealed
// with.
func (k *RootKeys) Remove(ctx context.Context, id string, force bool) error {
	q := Query{}
	if force {
		q.Params = extra("force", "true")
	}
	return k.c.write(ctx, http.MethodDelete, "/v1/operator/keyring/key/"+url.PathEscape(id), q, nil)
}
