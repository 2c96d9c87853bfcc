package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/droverhq/drover/api"
)

// Survey keeps what fingerprinters have found, so that they can be asked again. Its
// methods may be called concurrently.
type Survey struct {
	list []Fingerprinter

	looking sync.Mutex // held by Look
	mu      sync.Mutex // guards found
	found   []func(*api.Node)
}

// NewSurvey returns a survey that has found nothing yet.
func NewSurvey(list []Fingerprinter) *Survey {
	return &Survey{list: list, found: make([]func(*api.Node), len(list))}
}

// Look has all fingerprinters look, side by side. Of one that fails and finds nothing at
// all, what it found before counts.
func (s *Survey) Look(ctx context.Context) error {
	s.looking.Lock()
	defer s.looking.Unlock()
	errs := make([]error, len(s.list))
	var wg sync.WaitGroup
	for i, f := range s.list {
		wg.Go(func() {
			write, err := f.Run(ctx)
			if err != nil {
				errs[i] = fmt.Errorf("fingerprint %s: %w", f.Name(), err)
			}
			if err == nil || write != nil {
				s.mu.Lock()
				s.found[i] = write
				s.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Write writes what was found into a node, in the order of the fingerprinters.
func (s *Survey) Write(n *api.Node) {
	if n.Attributes == nil {
		n.Attributes = map[string]string{}
	}
	if n.Resources == nil {
		n.Resources = &api.NodeResources{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, write := range s.found {
		if write != nil {
			write(n)
		}
	}
}

// Run runs the fingerprinters once and writes what they found into the node. What could
// be found is written also when it returns an error.
func Run(ctx context.Context, list []Fingerprinter, n *api.Node) error {
	s := NewSurvey(list)
	err := s.Look(ctx)
	s.Write(n)
	return err
}
