package nodeagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Handler answers the requests about this node and its allocations, which servers
// pass on: /v1/client/….
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/client/stats", answer(a.serveHostStats))
	mux.HandleFunc("GET /v1/client/metadata", answer(a.serveMeta))
	mux.HandleFunc("PUT /v1/client/metadata", answer(a.serveMetaChange))
	mux.HandleFunc("POST /v1/client/metadata", answer(a.serveMetaChange))
	mux.HandleFunc("GET /v1/client/allocation/{id}/stats", answer(a.serveAllocStats))
	mux.HandleFunc("GET /v1/client/allocation/{id}/checks", answer(a.serveChecks))
	mux.HandleFunc("PUT /v1/client/allocation/{id}/restart", answer(a.serveRestart))
	mux.HandleFunc("POST /v1/client/allocation/{id}/restart", answer(a.serveRestart))
	mux.HandleFunc("PUT /v1/client/allocation/{id}/signal", answer(a.serveSignal))
	mux.HandleFunc("POST /v1/client/allocation/{id}/signal", answer(a.serveSignal))
	mux.HandleFunc("GET /v1/client/allocation/{id}/exec", a.serveExec)
	for _, method := range []string{"GET", "PUT", "POST"} { // clients use GET too
		mux.HandleFunc(method+" /v1/client/gc", answer(a.serveCollect))
		mux.HandleFunc(method+" /v1/client/allocation/{id}/gc", answer(a.serveCollectOne))
	}
	mux.HandleFunc("/v1/client/fs/", a.serveFiles)
	mux.HandleFunc("/v1/client/", answer(func(r *http.Request) (any, error) {
		return nil, fmt.Errorf("%w by node agents: %s %s", api.ErrNotSupported, r.Method, r.URL.Path)
	}))
	return mux
}

// answer makes a handler of a function that returns what to answer.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := f(r)
		if err == nil && body == nil {
			return
		}
		if err == nil {
			var b []byte
			if b, err = json.Marshal(body); err == nil {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(b) // nobody is left to tell
				return
			}
		}
		http.Error(w, err.Error(), statusCode(err))
	}
}

func statusCode(err error) int {
	var invalid *api.InvalidError
	switch {
	case errors.Is(err, api.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, api.ErrNotSupported):
		return http.StatusNotImplemented
	case errors.Is(err, api.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errManyCommands):
		return http.StatusTooManyRequests
	case errors.As(err, &invalid):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// bodyMax is far more than any request here needs.
const bodyMax = 64 << 10

// decode reads a request's body, which may be empty.
func decode(r *http.Request, into any) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, bodyMax+1))
	switch {
	case err != nil:
		return err
	case len(b) > bodyMax:
		return fmt.Errorf("request body: %w", api.ErrTooLarge)
	case len(b) == 0:
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		invalid := &api.InvalidError{What: "request body"}
		invalid.Add("", err.Error())
		return invalid
	}
	return nil
}

func (a *Agent) requested(r *http.Request) (*runner, error) {
	id := r.PathValue("id")
	if run := a.worker.find(id); run != nil {
		return run, nil
	}
	return nil, fmt.Errorf("allocation %s on this node: %w", id, api.ErrNotFound)
}

// serveChecks answers how the checks of an allocation's services do.
func (a *Agent) serveChecks(r *http.Request) (any, error) {
	run, err := a.requested(r)
	if err != nil {
		return nil, err
	}
	return run.results(), nil
}

// acted is what requests that change something answer.
type acted struct{ Index uint64 }

// serveRestart restarts the tasks of an allocation: one that runs, all that run, or all.
func (a *Agent) serveRestart(r *http.Request) (any, error) {
	run, err := a.requested(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		TaskName string
		AllTasks bool
	}
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	if body.AllTasks {
		return acted{}, run.restartAll(body.TaskName)
	}
	reason := "User requested running tasks to restart"
	if body.TaskName != "" {
		reason = "User requested task to restart"
	}
	if _, err := run.running(body.TaskName); err != nil {
		return nil, err
	}
	run.post(alloc.Restart{Task: body.TaskName, Reason: reason})
	return acted{}, nil
}

// restartAll restarts all tasks of the allocation. None may be named besides.
func (r *runner) restartAll(task string) error {
	if task != "" {
		invalid := &api.InvalidError{What: "request body"}
		invalid.Add("AllTasks", fmt.Sprintf("can't be set where a task is named (%q)", task))
		return invalid
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.life.Restartable() {
		return fmt.Errorf("no task of allocation %s is running", r.id)
	}
	r.enqueue(alloc.RestartAll{Reason: "User requested all tasks to restart"})
	return nil
}

// serveSignal sends a signal to the tasks of an allocation that run: one, or all.
func (a *Agent) serveSignal(r *http.Request) (any, error) {
	run, err := a.requested(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Task     string
		TaskName string
		Signal   string
	}
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	if body.Task == "" {
		body.Task = body.TaskName
	}
	if body.Signal == "" {
		body.Signal = "SIGKILL"
	}
	handles, err := run.running(body.Task)
	if err != nil {
		return nil, err
	}
	for task, h := range handles {
		s, ok := a.drivers[h.Driver].(driver.Signaler)
		if !ok {
			return nil, fmt.Errorf("%w: signals to tasks of the driver %s", api.ErrNotSupported, h.Driver)
		}
		if err := s.Signal(r.Context(), h, body.Signal); err != nil {
			return nil, fmt.Errorf("signal task %s: %w", task, err)
		}
		run.post(alloc.Signaled{Task: task, Signal: body.Signal, Reason: "User requested signal"})
	}
	return acted{}, nil
}

// running returns the handles of the allocation's tasks that run: of one, or of all.
// It is an error if there are none.
func (r *runner) running(task string) (map[string]driver.Handle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]driver.Handle{}
	states := r.life.Status().TaskStates
	if _, ok := states[task]; task != "" && !ok {
		return nil, fmt.Errorf("task %q of allocation %s: %w", task, r.id, api.ErrNotFound)
	}
	for name := range states {
		phase, _, h, _ := r.life.Task(name)
		if (task == "" || task == name) && phase == alloc.PhaseRunning && h != nil {
			out[name] = *h
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case task != "":
		return nil, fmt.Errorf("task %q of allocation %s is not running", task, r.id)
	}
	return nil, fmt.Errorf("no task of allocation %s is running", r.id)
}

func (a *Agent) serveHostStats(r *http.Request) (any, error) {
	return a.stats.measure(time.Now(), a.statsDir())
}

// statsDir is a directory on the file system that allocations use.
func (a *Agent) statsDir() string {
	if a.dirs.root == "" {
		return "/"
	}
	return a.dirs.allocs()
}

func (a *Agent) serveAllocStats(r *http.Request) (any, error) {
	run, err := a.requested(r)
	if err != nil {
		return nil, err
	}
	return a.usageOf(r.Context(), run)
}

// usageOf asks drivers what the tasks of an allocation use.
func (a *Agent) usageOf(ctx context.Context, run *runner) (*api.AllocResourceUsage, error) {
	handles, err := run.running("")
	if err != nil {
		handles = nil // an allocation that has ended uses nothing
	}
	usage := map[string]driver.Stats{}
	for task, h := range handles {
		s, ok := a.drivers[h.Driver].(driver.Statter)
		if !ok {
			continue
		}
		stats, err := s.Stats(ctx, h)
		if errors.Is(err, driver.ErrTaskGone) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("stats of task %s: %w", task, err)
		}
		usage[task] = stats
	}
	return run.usage(usage, handles, time.Now(), a.clockMHz()), nil
}

// clockMHz is the speed of one core, by which shares of a core are told in MHz.
func (a *Agent) clockMHz() float64 {
	n := a.node.Load()
	if n == nil || n.Resources == nil || n.Resources.Cpu.TotalCpuCores == 0 {
		return 0
	}
	return float64(n.Resources.Cpu.CpuShares) / float64(n.Resources.Cpu.TotalCpuCores)
}
