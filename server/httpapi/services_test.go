package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

// offer stores an allocation that offers a service, with a tag.
func (c *cluster) offer(namespace, alloc, service, tag string) (*api.Allocation, *api.AllocationStatus) {
	c.t.Helper()
	a := &api.Allocation{ID: alloc, Namespace: namespace, JobID: "shop", TaskGroup: "web", NodeID: "n1", DesiredStatus: api.AllocDesiredRun}
	s := &api.AllocationStatus{ID: alloc, Namespace: namespace, JobID: "shop", NodeID: "n1", ClientStatus: api.AllocClientRunning}
	s.Services = []*api.ServiceInstance{{
		ID: api.ServiceID(alloc, "web", "", service, "http"), Name: service, Address: "10.0.0.1", Port: 80, Tags: []string{tag},
	}}
	c.put(a, s)
	return a, s
}

func allocID(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

// found returns the allocations that offer a service, and how many.
func (c *cluster) found(query string) []string {
	c.t.Helper()
	var list []*api.ServiceRegistration
	c.get("/v1/service/"+query, &list)
	out := []string{}
	for _, r := range list {
		out = append(out, strings.TrimLeft(r.AllocID, "0-"))
	}
	return out
}

func (c *cluster) wantFound(query string, want ...string) {
	c.t.Helper()
	if got := c.found(query); !slices.Equal(got, want) {
		c.t.Errorf("service %s is offered by %q, want %q", query, got, want)
	}
}

func TestServiceIsFoundWhileItsAllocationIsToRun(t *testing.T) {
	c := newCluster(t)
	a1, _ := c.offer("default", allocID(1), "web", "a")
	a2, _ := c.offer("default", allocID(2), "web", "b")
	a3, _ := c.offer("default", allocID(3), "web", "b")
	c.offer("default", allocID(4), "db", "c")
	c.wantFound("web", "1", "2", "3")
	c.wantFound("web?filter="+"%22b%22%20in%20Tags", "2", "3")
	c.wantFound("none")

	stopped := *a1
	stopped.DesiredStatus = api.AllocDesiredStop
	lost := *a2
	lost.Lost = api.AllocClientLost
	unknown := *a3
	unknown.Lost = api.AllocClientUnknown // it may well be reached by others
	c.put(&stopped, &lost, &unknown)
	c.wantFound("web", "3")
}

func TestServicesAreListedByNamespaceWithAllTheirTags(t *testing.T) {
	c := newCluster(t)
	c.put(&api.Namespace{Name: "dev"})
	c.offer("default", allocID(1), "web", "b")
	c.offer("default", allocID(2), "web", "a")
	c.offer("default", allocID(3), "db", "c")
	c.offer("dev", allocID(4), "web", "d")
	for query, want := range map[string]string{
		"":               "default: db[c] web[a b];",
		"?namespace=dev": "dev: web[d];",
		"?namespace=*":   "default: db[c] web[a b]; dev: web[d];",
		"?namespace=x":   "",
	} {
		var lists []*api.ServiceList
		c.get("/v1/services"+query, &lists)
		var got []string
		for _, l := range lists {
			var services []string
			for _, s := range l.Services {
				services = append(services, fmt.Sprint(s.ServiceName, s.Tags))
			}
			got = append(got, l.Namespace+": "+strings.Join(services, " ")+";")
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("services%s are %q, want %q", query, text, want)
		}
	}
	c.wantFound("web?namespace=*", "1", "2", "4")
}

func TestServiceThatIsTakenOutOfTheRegisterIsFoundNoMore(t *testing.T) {
	c := newCluster(t)
	_, s := c.offer("default", allocID(1), "web", "a")
	c.offer("default", allocID(2), "web", "a")
	path := "/v1/service/web/" + s.Services[0].ID
	if got := c.do(http.MethodDelete, path, ""); got.status != http.StatusOK || len(got.body) != 0 {
		t.Fatalf("delete: %d %s", got.status, got.body)
	}
	c.wantFound("web", "2")
	if got := c.do(http.MethodDelete, path, ""); got.status != http.StatusNotFound {
		t.Errorf("delete again: %d %s", got.status, got.body)
	}
	s.ClientDescription = "its agent reports again"
	c.put(s)
	c.wantFound("web", "2")
}

func TestChoiceOfInstancesIsStable(t *testing.T) {
	c := newCluster(t)
	const all = 12
	for i := 1; i <= all; i++ {
		c.offer("default", allocID(i), "web", "a")
	}
	chosen := map[string][]string{}
	used := map[string]bool{}
	for key := range 50 {
		q := fmt.Sprintf("web?choose=2|key%d", key)
		chosen[q] = c.found(q)
		if len(chosen[q]) != 2 || chosen[q][0] == chosen[q][1] {
			t.Fatalf("%s: %q", q, chosen[q])
		}
		used[chosen[q][0]] = true
	}
	if len(used) < all/2 {
		t.Errorf("50 keys choose among %d of %d instances", len(used), all)
	}
	c.remove(api.Key{Kind: api.KindAllocationStatus, ID: allocID(5)})
	for q, before := range chosen {
		if after := c.found(q); !slices.Contains(before, "5") && !slices.Equal(before, after) {
			t.Errorf("%s: %q, and when another was gone %q", q, before, after)
		}
	}
	for _, bad := range []string{"2", "0|a", "x|a", "2|"} {
		if got := c.do(http.MethodGet, "/v1/service/web?choose="+bad, ""); got.status != http.StatusBadRequest {
			t.Errorf("choose=%s: %d %s", bad, got.status, got.body)
		}
	}
}

func TestWhoWaitsForAServiceHearsOfItsInstancesOnly(t *testing.T) {
	c := newCluster(t)
	a, s := c.offer("default", allocID(1), "web", "a")
	_, other := c.offer("default", allocID(2), "db", "a")
	index := func() uint64 { return c.store.Snapshot().Index() }
	wait := func(path string) <-chan answered {
		done := make(chan answered, 1)
		after := index()
		go func() { done <- c.do(http.MethodGet, fmt.Sprintf("%s?index=%d&wait=1m", path, after), "") }()
		return done
	}
	for name, write := range map[string]func(){
		"another instance": func() { c.offer("default", allocID(3), "web", "a") },
		"other tags":       func() { s.Services[0].Tags = []string{"z"}; c.put(s) },
		"its end":          func() { stopped := *a; stopped.DesiredStatus = api.AllocDesiredStop; c.put(&stopped) },
	} {
		woken, list := wait("/v1/service/web"), wait("/v1/services")
		// What is no news for it: a task's event, and another service.
		s.ClientDescription += "."
		c.put(s)
		write()
		for _, done := range []<-chan answered{woken, list} {
			select {
			case got := <-done:
				if got.status != http.StatusOK {
					t.Errorf("%s: %d %s", name, got.status, got.body)
				}
			case <-time.After(30 * time.Second):
				t.Errorf("nobody heard of %s", name)
			}
		}
	}
	quiet := wait("/v1/service/web")
	other.ClientDescription = "an event"
	c.put(other)
	other.Services[0].Port = 81
	c.put(other)
	s.ClientDescription += "!"
	c.put(s)
	if err := c.store.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-quiet:
		t.Errorf("woken by what is no news: %s", got.body)
	default:
	}
	c.stop()
	<-quiet
}

func TestWhoWaitsForServicesOfAllNamespacesHearsOfThoseOfANewOne(t *testing.T) {
	c := newCluster(t)
	c.offer("default", allocID(1), "web", "a")
	before := c.store.Snapshot().Index()
	c.put(&api.Namespace{Name: "new"})
	for _, path := range []string{"/v1/services", "/v1/service/web"} {
		heard := make(chan answered, 1)
		go func() {
			heard <- c.do(http.MethodGet, fmt.Sprintf("%s?namespace=*&index=%d&wait=10m", path, before), "")
		}()
		select {
		case <-heard:
		case <-time.After(30 * time.Second):
			t.Errorf("who asks for %s does not hear of a new namespace", path)
		}
	}
	c.stop()
}

func TestLastChecksAreToldWithoutTheNode(t *testing.T) {
	c := newCluster(t)
	job := &api.Job{ID: new("shop"), Namespace: new("default"), Version: new(uint64(0)), TaskGroups: []*api.TaskGroup{{
		Name: new("web"),
		Services: []*api.Service{{Name: "web", Provider: "nomad", Checks: []*api.ServiceCheck{
			{Name: "open", Type: "http", Path: "/"}, {Name: "new", Type: "tcp", OnUpdate: "ignore"},
		}}},
	}}}
	c.put(job, &api.JobVersion{Job: job})
	a, s := c.offer("default", allocID(1), "web", "a")
	service := job.TaskGroups[0].Services[0]
	s.Checks = []*api.CheckState{{
		ID: api.CheckID(a.ID, "", service, service.Checks[0]), Status: api.CheckFailure, Since: 1e9 * 1000, Code: 503, Output: "closed",
	}}
	c.put(s)
	var got map[string]*api.CheckResult
	c.get("/v1/allocation/"+a.ID+"/checks", &got)
	var text []string
	for _, r := range got {
		text = append(text, fmt.Sprint(r.Service, " ", r.Check, " ", r.Mode, " ", r.Status, " ", r.StatusCode, " ", r.Output))
	}
	slices.Sort(text)
	if want := []string{"web new readiness pending 0 ", "web open healthiness failure 503 closed"}; !slices.Equal(text, want) {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestChecksOfANodeAgentAreOfTheRecordedForm(t *testing.T) {
	whole := recordedBody[map[string]api.CheckResult](t, "051")
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	if d := differences("$", tree(t, exchange(t, "051").Body), tree(t, b)); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
}
