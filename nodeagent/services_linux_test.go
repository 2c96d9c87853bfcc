package nodeagent_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

// shop is an HTTP server on the loopback that is asked by checks.
type shop struct {
	*httptest.Server
	closed atomic.Bool // it answers 503
	asked  atomic.Int64
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		if s.closed.Load() {
			http.Error(w, "closed for today", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) port() string {
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	return port
}

// offering returns a job whose group offers the shop as a service, checked often.
func (s *shop) offering() *api.Job {
	j := shell(api.JobTypeService, "exec sleep 1000")
	j.TaskGroups[0].Services = []*api.Service{{
		Name: "shop-${meta.floor}", PortLabel: s.port(), Provider: api.ServiceProviderNomad,
		Tags: []string{"blue", "${NOMAD_ALLOC_INDEX}"}, CanaryTags: []string{"green"}, Meta: map[string]string{"zone": "${node.datacenter}"},
		Checks: []*api.ServiceCheck{{
			Name: "open", Type: "http", Path: "/", Interval: 100 * time.Millisecond, Timeout: time.Minute,
		}},
	}}
	return j
}

// onLoopback runs a test with a node agent that runs real tasks.
func onLoopback(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	o := realOptions(t.TempDir(), c.serveTCP(t))
	o.Meta = map[string]string{"floor": "2"}
	o.StopTasks = true
	a := start(t, o)
	t.Cleanup(func() { a.stop(t) })
	<-a.Ready()
	return c
}

// awaitCheck waits until the only check of an allocation has a status.
func (c *cluster) awaitCheck(t *testing.T, id, want string) *api.AllocationStatus {
	t.Helper()
	c.await(t, "the check of "+id+" to be "+want, func() bool {
		s := c.statuses[id]
		return s != nil && len(s.Checks) == 1 && s.Checks[0].Status == want
	})
	return c.status(id)
}

func TestServiceIsOfferedWhileItsTaskRuns(t *testing.T) {
	c, s := onLoopback(t), newShop(t)
	j := s.offering()
	j.TaskGroups[0].ShutdownDelay = new(300 * time.Millisecond)
	id := c.run(j)
	status := c.awaitCheck(t, id, api.CheckSuccess)
	if len(status.Services) != 1 {
		t.Fatalf("it offers %d services", len(status.Services))
	}
	got := status.Services[0]
	want := api.ServiceInstance{
		ID:   "_nomad-task-" + id + "-group-" + *j.TaskGroups[0].Name + "-shop-2-" + s.port(),
		Name: "shop-2", Address: "127.0.0.1", Port: got.Port, Tags: []string{"blue", "0"}, Meta: map[string]string{"zone": "dc1"},
	}
	if fmt.Sprint(got.Port) != s.port() || !api.Same(got, &want) {
		t.Errorf("it offers %+v, want %+v", got, want)
	}
	c.stop(id)
	c.await(t, "the service to be gone", func() bool { return len(c.statuses[id].Services) == 0 })
	if status := c.status(id); status.Terminal() || len(status.Checks) != 0 {
		t.Errorf("when its service went, it was %s with %d checks", status.ClientStatus, len(status.Checks))
	}
	c.awaitStatus(t, id, api.AllocClientComplete)
}

func TestOnlyAChangeOfACheckIsReported(t *testing.T) {
	c, s := onLoopback(t), newShop(t)
	id := c.run(s.offering())
	c.awaitCheck(t, id, api.CheckSuccess)
	reports := func() (n int) {
		c.set(func(c *cluster) { n = c.writes[id] })
		return n
	}
	asked := func(times int64) {
		for goal := s.asked.Load() + times; s.asked.Load() < goal; {
			c.ask(t, "/v1/client/allocation/"+id+"/checks")
		}
	}
	asked(1)
	before := reports()
	asked(5)
	if now := reports(); now != before {
		t.Errorf("%d reports while nothing changed", now-before)
	}

	s.closed.Store(true)
	status := c.awaitCheck(t, id, api.CheckFailure)
	if check := status.Checks[0]; check.Code != 503 || !strings.Contains(check.Output, "closed for today") {
		t.Errorf("reported %+v", check)
	}
	var results map[string]*api.CheckResult
	if err := json.Unmarshal([]byte(c.ask(t, "/v1/client/allocation/"+id+"/checks")), &results); err != nil {
		t.Fatal(err)
	}
	r := results[status.Checks[0].ID]
	if r == nil || r.Status != api.CheckFailure || r.StatusCode != 503 || r.Service != "shop-2" || r.Check != "open" || r.Mode != api.CheckHealthiness {
		t.Errorf("the node says %+v", r)
	}
}

func TestCanaryHasItsOwnTagsUntilItIsPromoted(t *testing.T) {
	c, s := onLoopback(t), newShop(t)
	a := c.allocation(s.offering())
	a.DeploymentStatus = &api.AllocDeploymentStatus{Canary: true}
	c.want(a)
	tags := func(want string) {
		t.Helper()
		c.await(t, "the tags "+want, func() bool {
			s := c.statuses[a.ID]
			return s != nil && len(s.Services) == 1 && strings.Join(s.Services[0].Tags, " ") == want
		})
	}
	tags("green")
	promoted := *a
	promoted.DeploymentStatus = &api.AllocDeploymentStatus{}
	c.want(&promoted)
	tags("blue 0")
}

func TestTaskIsRestartedWhenItsCheckFailsTooOften(t *testing.T) {
	c, s := onLoopback(t), newShop(t)
	j := s.offering()
	g := j.TaskGroups[0]
	g.Tasks[0].Services, g.Services = g.Services, nil
	g.Tasks[0].Services[0].Checks[0].CheckRestart = &api.CheckRestart{Limit: 2, Grace: new(time.Duration)}
	g.RestartPolicy = &api.RestartPolicy{Attempts: new(1), Interval: new(time.Hour), Delay: new(time.Millisecond), Mode: new(api.RestartModeFail)}
	id := c.run(j)
	c.awaitCheck(t, id, api.CheckSuccess)
	s.closed.Store(true)
	status := c.awaitStatus(t, id, api.AllocClientFailed)
	var restarts int
	for _, e := range status.TaskStates["t"].Events {
		if e.Type == api.EventRestartSignal {
			restarts++
			if e.RestartReason != `healthcheck: check "open" unhealthy` {
				t.Errorf("restarted because %s", e.RestartReason)
			}
		}
	}
	if restarts != 2 || status.TaskStates["t"].Restarts != 1 {
		t.Errorf("restarted %d times, of which its policy allowed %d: %s", restarts, status.TaskStates["t"].Restarts, describe(status))
	}
}

func TestUpdateInPlaceChangesWhatIsOffered(t *testing.T) {
	c, s := onLoopback(t), newShop(t)
	j := s.offering()
	a := c.allocation(j)
	c.want(a)
	c.awaitCheck(t, a.ID, api.CheckSuccess)
	newer, err := api.Clone(j)
	if err != nil {
		t.Fatal(err)
	}
	newer.Version = new(*j.Version + 1)
	newer.TaskGroups[0].Services[0].Name = "other"
	newer.TaskGroups[0].Services[0].Checks = nil
	updated := c.allocation(newer)
	updated.ID = a.ID
	c.want(updated)
	c.await(t, "the other service", func() bool {
		s := c.statuses[a.ID]
		return len(s.Services) == 1 && s.Services[0].Name == "other" && len(s.Checks) == 0
	})
	if got := c.ask(t, "/v1/client/allocation/"+a.ID+"/checks"); got != "{}" {
		t.Errorf("its checks are %s", got)
	}
}
