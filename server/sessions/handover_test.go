package sessions

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
)

// askServer asks the server something over a node's session.
func (f *fixture) askServer(conn *session.Conn, path string) (code int, body string) {
	f.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return conn.OpenStream(ctx) },
	}}
	request, err := http.NewRequestWithContext(f.ctx, http.MethodGet, "http://server"+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// heirs is an allocation that has ended on one node and is followed on another one.
type heirs struct {
	job           *api.Job
	old, new      *api.Node
	before, after *api.Allocation
	status        *api.AllocationStatus
	node          *api.NodeStatus
}

func newHeirs() *heirs {
	j := job("db")
	j.TaskGroups = []*api.TaskGroup{{Name: new("g"), EphemeralDisk: &api.EphemeralDisk{Migrate: new(true)}}}
	h := &heirs{job: j, old: node(), new: node()}
	h.before, h.after = alloc(h.old, j), alloc(h.new, j)
	h.before.DesiredStatus, h.after.PreviousAllocation = api.AllocDesiredStop, h.before.ID
	h.status = &api.AllocationStatus{ID: h.before.ID, NodeID: h.old.ID, ClientStatus: api.AllocClientComplete}
	h.node = &api.NodeStatus{NodeID: h.old.ID, Status: api.NodeReady}
	return h
}

func (h *heirs) path() string {
	return "/v1/client/allocation/" + h.before.ID + "/snapshot?for=" + h.after.ID
}

func TestTheNodeOfTheSuccessorGetsTheFiles(t *testing.T) {
	f, h := newFixture(t), newHeirs()
	old := f.connect(h.old)
	served := make(chan error, 1)
	go func() {
		served <- old.ServeHTTP(f.ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "files for "+r.URL.String())
		}))
	}()
	defer func() {
		old.Close()
		<-served // with whatever error comes of closing it
	}()
	conn := f.connect(h.new)
	f.put(&api.JobVersion{Job: h.job}, h.before, h.after, h.status, h.node)
	if code, body := f.askServer(conn, h.path()); code != http.StatusOK || body != "files for "+h.path() {
		t.Errorf("%d %s", code, body)
	}
}

func TestNobodyElseGetsTheFilesNorTooEarly(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*heirs)
		code   int
		text   string
	}{
		"another node":        {func(h *heirs) { h.after.NodeID = h.old.ID }, 403, "that is to run on this node"},
		"no successor":        {func(h *heirs) { h.after.PreviousAllocation = "" }, 403, "follows"},
		"one that is stopped": {func(h *heirs) { h.after.DesiredStatus = api.AllocDesiredStop }, 403, "to run"},
		"no wish for them":    {func(h *heirs) { h.job.TaskGroups[0].EphemeralDisk.Migrate = nil }, 403, "does not ask"},
		"still running":       {func(h *heirs) { h.status.ClientStatus = api.AllocClientRunning }, 409, "not ended"},
		"to run on": {func(h *heirs) {
			h.status.ClientStatus, h.before.DesiredStatus = api.AllocClientRunning, api.AllocDesiredRun
		}, 410, "goes on"},
		"the node is down":    {func(h *heirs) { h.node.Status = api.NodeDown }, 410, "not in contact"},
		"it was lost":         {func(h *heirs) { h.before.Lost = api.AllocClientLost }, 410, "not in contact"},
		"on the same node":    {func(h *heirs) { h.before.NodeID = h.new.ID }, 410, "on this node"},
		"it is not there now": {func(*heirs) {}, 503, "no session"},
		"nobody knows it":     {func(h *heirs) { h.before.ID = "other" }, 403, "follows other"},
	} {
		t.Run(name, func(t *testing.T) {
			f, h := newFixture(t), newHeirs()
			c.change(h)
			conn := f.connect(h.new)
			f.put(&api.JobVersion{Job: h.job}, h.before, h.after, h.status, h.node)
			if code, body := f.askServer(conn, h.path()); code != c.code || !strings.Contains(body, c.text) {
				t.Errorf("%d %s", code, body)
			}
		})
	}
}
