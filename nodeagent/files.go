package nodeagent

import (
	"fmt"
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/files"
)

// fileServer answers requests for files of allocations, from the first such request
// on: until then nothing is watched.
type fileServer struct {
	mu      sync.Mutex // guards handler and closed
	handler *files.Handler
	closed  bool
}

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
	return s.handler, nil
}

// close ends it. No request may be under way.
func (s *fileServer) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.handler == nil {
		return nil
	}
	return s.handler.Close()
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
		end := r.ends[name]
		if end == nil {
			end = make(chan struct{})
			r.ends[name] = end
		}
		if phase, _, _, _ := r.life.Task(name); phase == alloc.PhaseDead {
			closeOnce(end)
		}
		out.Tasks[name] = files.Task{Started: state.StartedAt != nil, Ended: end}
	}
	return out, true
}
