package nodeagent_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
)

// ask sends a request to the agent's handler.
func ask(a *running, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestAUserRestartsAndSignalsATask(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		id := c.run(service(nil))
		c.expect(id, api.AllocClientRunning)
		path := "/v1/client/allocation/" + id
		if w := ask(a, "PUT", path+"/signal", `{"Signal":"SIGUSR1"}`); w.Code != 200 || w.Body.String() != `{"Index":0}` {
			t.Fatalf("signal: %d %s", w.Code, w.Body)
		}
		if w := ask(a, "PUT", path+"/restart", "{}"); w.Code != 200 || w.Body.String() != `{"Index":0}` {
			t.Fatalf("restart: %d %s", w.Code, w.Body)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		s := c.expect(id, api.AllocClientRunning)
		var types []string
		for _, e := range s.TaskStates["t"].Events {
			types = append(types, e.Type)
		}
		want := []string{"Received", "Task Setup", "Started", "Signaling", "Restart Signaled", "Terminated", "Restarting", "Started"}
		if !slices.Equal(types, want) || s.TaskStates["t"].Restarts != 1 {
			t.Errorf("events %v", types)
		}
	})
}

func TestAUserRestartsAllTasksAlsoThoseThatHaveEnded(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		j := job(api.JobTypeService, map[string]api.Values{"init": {"run_for": "1s"}, "main": nil})
		j.TaskGroups[0].Task("init").Lifecycle = &api.TaskLifecycle{Hook: api.HookPrestart}
		id := c.run(j)
		time.Sleep(3 * time.Second)
		c.expect(id, api.AllocClientRunning)
		if w := ask(a, "PUT", "/v1/client/allocation/"+id+"/restart", `{"AllTasks":true}`); w.Code != 200 || w.Body.String() != `{"Index":0}` {
			t.Fatalf("restart: %d %s", w.Code, w.Body)
		}
		time.Sleep(3 * time.Second)
		states := c.expect(id, api.AllocClientRunning).TaskStates
		if states["init"].Restarts != 1 || states["main"].Restarts != 1 {
			t.Fatalf("restarts: init %d, main %d", states["init"].Restarts, states["main"].Restarts)
		}
		if done, began := states["init"].FinishedAt, states["main"].StartedAt; done == nil || began == nil || began.Before(*done) {
			t.Errorf("main runs since %v, init ended at %v", began, done)
		}
	})
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		id, ended := c.run(service(nil)), c.run(batch(api.Values{"run_for": "1ms"}))
		time.Sleep(time.Second)
		c.expect(id, api.AllocClientRunning)
		c.expect(ended, api.AllocClientComplete)
		for _, r := range []struct {
			method, path, body string
			code               int
		}{
			{"PUT", "/v1/client/allocation/none/restart", "{}", http.StatusNotFound},
			{"PUT", "/v1/client/allocation/" + id + "/restart", `{"TaskName":"none"}`, http.StatusNotFound},
			{"PUT", "/v1/client/allocation/" + id + "/restart", `{"TaskName":`, http.StatusBadRequest},
			{"PUT", "/v1/client/allocation/" + id + "/restart", `{"AllTasks":true,"TaskName":"t"}`, http.StatusBadRequest},
			{"PUT", "/v1/client/allocation/" + ended + "/restart", `{"AllTasks":true}`, http.StatusInternalServerError},
			{"PUT", "/v1/client/allocation/" + id + "/restart", strings.Repeat(" ", 1<<20), http.StatusRequestEntityTooLarge},
			{"PUT", "/v1/client/allocation/" + id + "/signal", `{"Signal":"SIGNONSENSE"}`, http.StatusInternalServerError},
			{"PUT", "/v1/client/allocation/" + ended + "/signal", `{"Signal":"SIGHUP"}`, http.StatusInternalServerError},
			{"PUT", "/v1/client/allocation/" + id + "/checkpoint", "{}", http.StatusNotImplemented},
			{"GET", "/v1/client/fs/ls/" + id, "", http.StatusNotFound}, // this node keeps none
		} {
			if w := ask(a, r.method, r.path, r.body); w.Code != r.code || w.Body.Len() == 0 {
				t.Errorf("%s %s %.20s: %d %s, want %d", r.method, r.path, r.body, w.Code, w.Body, r.code)
			}
		}
	})
}

func TestStatsHaveTheRecordedForm(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		id := c.run(service(nil))
		c.expect(id, api.AllocClientRunning)
		var host api.HostStats
		for range 2 {
			w := ask(a, "GET", "/v1/client/stats", "")
			if w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if err := json.Unmarshal(w.Body.Bytes(), &host); err != nil {
				t.Fatal(err)
			}
		}
		if host.Memory.Total == 0 || host.Memory.Used == 0 || len(host.CPU) == 0 || host.Uptime == 0 || host.AllocDirStats.Size == 0 {
			t.Errorf("host %+v", host)
		}
		for _, cpu := range host.CPU {
			if sum := cpu.User + cpu.System + cpu.Idle; sum < 0 || sum > 101 {
				t.Errorf("cpu %+v", cpu)
			}
		}
		var usage api.AllocResourceUsage
		w := ask(a, "GET", "/v1/client/allocation/"+id+"/stats", "")
		if err := json.Unmarshal(w.Body.Bytes(), &usage); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if usage.Tasks["t"] == nil || usage.Tasks["t"].ResourceUsage.MemoryStats == nil || len(usage.Tasks["t"].Pids) != 1 || usage.ResourceUsage.CpuStats == nil {
			t.Errorf("usage %s", w.Body)
		}
	})
}
