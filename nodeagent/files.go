package nodeagent

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/files"
)

// fileServer answers requests for files of allocations, from the first such request
// on: until then nothing is watched.
type fileServer struct {
	requests sync.WaitGroup

	mu      sync.Mutex // guards the rest
	handler *files.Handler
	closed  bool
}

// serveFiles answers a request for files.
func (a *Agent) serveFiles(w http.ResponseWriter, r *http.Request) {
	h, err := a.openFiles()
	if err != nil {
		http.Error(w, err.Error(), statusCode(err))
		return
	}
	defer a.files.requests.Done()
	h.ServeHTTP(w, r)
}

// openFiles returns the handler for one request, which is counted.
func (a *Agent) openFiles() (*files.Handler, error) {
	s := &a.files
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.dirs.root == "" || s.closed {
		return nil, fmt.Errorf("files of allocations: %w on this node", api.ErrNotFound)
	}
	if s.handler == nil {
		h, err := files.New(files.Options{Resolve: a.filesOf, Log: a.log})
		if err != nil {
			return nil, err
		}
		s.handler = h
	}
	s.requests.Add(1)
	return s.handler, nil
}

// close waits for the requests that are under way, and ends it.
func (s *fileServer) close() error {
	s.mu.Lock()
	s.closed = true
	h := s.handler
	s.mu.Unlock()
	s.requests.Wait()
	if h == nil {
		return nil
	}
	return h.Close()
}

// filesOf says where the files of an allocation are and which of its tasks may still
// write to them.
func (a *Agent) filesOf(id string) (files.Allocation, bool) {
	r := a.worker.find(id)
	if r == nil {
		return files.Allocation{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out := files.Allocation{Dir: r.dir.Root, Tasks: map[string]files.Task{}}
	if r.ends == nil {
		r.ends = map[string]chan struct{}{}
	}
	for name, state := range r.life.Status().TaskStates {
		phase, _, _, _ := r.life.Task(name)
		end := r.ends[name]
		if end == nil || phase != alloc.PhaseDead && isClosed(end) { // it had ended, and runs again
			end = make(chan struct{})
			r.ends[name] = end
		}
		if phase == alloc.PhaseDead {
			closeOnce(end)
		}
		out.Tasks[name] = files.Task{Started: state.StartedAt != nil, Ended: end}
	}
	return out, true
}
