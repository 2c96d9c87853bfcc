package sessions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/workload"
)

func TestRequestsToANodeTravelOverItsSession(t *testing.T) {
	f := newFixture(t)
	n := node()
	conn := f.connect(n)
	served := make(chan error, 1)
	go func() {
		served <- conn.ServeHTTP(f.ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "node says ", r.URL.Path)
		}))
	}()
	c := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return f.hub.DialNode(ctx, n.ID) },
	}}
	resp, err := c.Get("http://node/v1/x")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "node says /v1/x" {
		t.Errorf("got %q, %v", body, err)
	}
	conn.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := f.hub.DialNode(f.ctx, uuid.NewString()); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("unknown node: %v", err)
	}
}

func TestANodeReadsServicesAndTheVariablesOfItsTasksAndNothingElse(t *testing.T) {
	f := newFixture(t)
	f.hub.api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		of, _ := workload.From(r.Context())
		fmt.Fprint(w, r.URL.Path, " ", of)
	})
	n, other, j := node(), node(), job("shop")
	j.TaskGroups = []*api.TaskGroup{{Name: new("web"), Tasks: []*api.Task{{Name: "app"}, {Name: "side"}}}}
	mine, ended, theirs := alloc(n, j), alloc(n, j), alloc(other, j)
	for _, a := range []*api.Allocation{mine, ended, theirs} {
		a.TaskGroup = "web"
	}
	f.put(&api.JobVersion{Job: j}, mine, ended, theirs, &api.AllocationStatus{ID: ended.ID, NodeID: n.ID, ClientStatus: api.AllocClientComplete})
	conn := f.connect(n)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return conn.OpenStream(ctx) }}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	app := mine.ID + "/app"
	for _, ask := range []struct {
		method, path, token string
		code                int
	}{
		{"GET", "/v1/services", "", 200},
		{"GET", "/v1/service/web", "", 200},
		{"GET", "/v1/var/nomad/jobs", app, 200},
		{"GET", "/v1/var/nomad/jobs/shop", app, 200},
		{"GET", "/v1/var/nomad/jobs/shop/web", app, 200},
		{"GET", "/v1/var/nomad/jobs/shop/web/app?namespace=default", app, 200},
		{"GET", "/v1/vars?prefix=anything", app, 200},
		{"GET", "/v1/vars/", app, 200},
		{"GET", "/v1/var/nomad/jobs/shop/web/side", app, 401},
		{"GET", "/v1/var/nomad/jobs/shop/web/app/more", app, 401},
		{"GET", "/v1/var/nomad/jobs/shop?namespace=other", app, 401},
		{"GET", "/v1/var/nomad/jobs/shop?namespace=*", app, 401},
		{"GET", "/v1/var/nomad/jobs/shopping", app, 401},
		{"GET", "/v1/var/app/config", app, 401},
		{"GET", "/v1/var/nomad/jobs", "", 401},
		{"GET", "/v1/vars", "", 401},
		{"GET", "/v1/var/nomad/jobs/shop", mine.ID + "/nobody", 401},
		{"GET", "/v1/var/nomad/jobs/shop", theirs.ID + "/app", 401},
		{"GET", "/v1/var/nomad/jobs/shop", ended.ID + "/app", 401},
		{"GET", "/v1/var/nomad/jobs/shop", uuid.NewString() + "/app", 401},
		{"GET", "/v1/var/x/../nomad/jobs", app, 403},
		{"PUT", "/v1/var/nomad/jobs/shop", app, 403},
		{"DELETE", "/v1/var/nomad/jobs/shop", app, 403},
		{"DELETE", "/v1/service/web/1", "", 403},
		{"GET", "/v1/operator/keyring/keys", app, 403},
		{"GET", "/v1/jobs", "", 403},
		{"GET", "/v1/servicesx", "", 403},
		{"GET", "/v1/service/../jobs", "", 403},
	} {
		req, err := http.NewRequestWithContext(f.ctx, ask.method, "http://server"+ask.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Nomad-Token", ask.token)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != ask.code {
			t.Errorf("%s %s for %q: %s, %v", ask.method, ask.path, ask.token, resp.Status, err)
		}
		if want := "/v1/vars {default shop web app}"; strings.HasPrefix(ask.path, "/v1/vars") && ask.code == 200 && string(body) != want {
			t.Errorf("%s: %s", ask.path, body)
		}
	}
}
