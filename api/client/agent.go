package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/droverhq/drover/api"
)

// Agent are the routes below /v1/agent and /v1/status.
type Agent struct{ c *Client }

// Self returns the agent's configuration and figures.
func (a *Agent) Self(ctx context.Context) (*api.AgentSelf, error) {
	out, _, err := get[*api.AgentSelf](ctx, a.c, "/v1/agent/self", Query{})
	return out, err
}

// Health returns the health of the agent's roles.
func (a *Agent) Health(ctx context.Context) (*api.AgentHealth, error) {
	out, _, err := get[*api.AgentHealth](ctx, a.c, "/v1/agent/health", Query{})
	return out, err
}

// Members returns the servers that the agent knows of.
func (a *Agent) Members(ctx context.Context) (*api.ServerMembers, error) {
	out, _, err := get[*api.ServerMembers](ctx, a.c, "/v1/agent/members", Query{})
	return out, err
}

// Leader returns the address of the leader, empty if there is none.
func (a *Agent) Leader(ctx context.Context) (string, error) {
	out, _, err := get[string](ctx, a.c, "/v1/status/leader", Query{})
	return out, err
}

// Operator are the routes below /v1/operator and /v1/system.
type Operator struct{ c *Client }

// SnapshotSave returns a backup of the whole state; it must be read to its end and
// closed.
func (o *Operator) SnapshotSave(ctx context.Context, q Query) (io.ReadCloser, error) {
	resp, err := o.c.do(ctx, http.MethodGet, "/v1/operator/snapshot", o.c.values(q), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// SnapshotRestore replaces the whole state with a backup.
func (o *Operator) SnapshotRestore(ctx context.Context, backup io.Reader, q Query) error {
	resp, err := o.c.do(ctx, http.MethodPut, "/v1/operator/snapshot", o.c.values(q), backup)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// GC collects at once everything that has ended.
func (o *Operator) GC(ctx context.Context) error {
	_, err := send[json.RawMessage](ctx, o.c, http.MethodPut, "/v1/system/gc", Query{}, nil)
	return err
}

// Scheduler returns how jobs are placed.
func (o *Operator) Scheduler(ctx context.Context, q Query) (*api.SchedulerConfiguration, api.QueryMeta, error) {
	out, meta, err := get[*api.SchedulerConfigurationResponse](ctx, o.c, schedulerPath, q)
	if err != nil {
		return nil, meta, err
	}
	return out.SchedulerConfig, meta, nil
}

// SetScheduler changes how jobs are placed. With CAS it reports whether nobody else had
// changed it: if so, nothing is.
func (o *Operator) SetScheduler(ctx context.Context, config *api.SchedulerConfiguration, opts ...Write) (updated bool, err error) {
	out, err := send[api.SchedulerUpdateResponse](ctx, o.c, http.MethodPut, schedulerPath, Query{Params: params(opts)}, config)
	return out.Updated, err
}

const schedulerPath = "/v1/operator/scheduler/configuration"

// Controllers says how the controllers of the server at hand do.
func (o *Operator) Controllers(ctx context.Context) (*api.ControllerList, error) {
	out, _, err := get[*api.ControllerList](ctx, o.c, "/v1/operator/controllers", Query{})
	return out, err
}

// Controller says how one controller of the server at hand does, and what it does with
// a key, if one is given.
func (o *Operator) Controller(ctx context.Context, name, key string) (*api.ControllerList, error) {
	var q Query
	if key != "" {
		q.Params = map[string]string{"key": key}
	}
	out, _, err := get[*api.ControllerList](ctx, o.c, "/v1/operator/controller/"+url.PathEscape(name), q)
	return out, err
}

// Events is the route /v1/event/stream.
type Events struct{ c *Client }

// maxEventLine is the longest line of the stream that is read, in bytes.
const maxEventLine = 64 << 20

// Follow calls f with the events from an index on, until f returns an error, which it
// then returns, or the stream ends. Lost tells an end after which one must list again.
func (e *Events) Follow(ctx context.Context, from uint64, q Query, f func(api.Events) error) error {
	return e.c.follow(ctx, from, e.c.values(q), func(line []byte) error {
		var events api.Events
		if err := json.Unmarshal(line, &events); err != nil {
			return fmt.Errorf("read event stream: %w", err)
		}
		if len(events.Events) == 0 {
			return nil // a heartbeat
		}
		return f(events)
	})
}

// follow calls f with the lines of an event stream. The line that says why the stream
// has ended is a *StatusError.
func (c *Client) follow(ctx context.Context, from uint64, v url.Values, f func(line []byte) error) error {
	v.Set("index", strconv.FormatUint(from, 10))
	resp, err := c.do(ctx, http.MethodGet, "/v1/event/stream", v, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEventLine)
	for lines.Scan() {
		var last struct {
			Error *struct {
				Code    int
				Message string
			}
		}
		if bytes.HasPrefix(lines.Bytes(), []byte(`{"Error"`)) && json.Unmarshal(lines.Bytes(), &last) == nil && last.Error != nil {
			return &StatusError{Code: last.Error.Code, Body: last.Error.Message}
		}
		if err := f(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
