package hook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Alloc prepares one thing that the tasks of an allocation share. What it makes outlives
// the agent, and is removed by this one or the next.
type Alloc interface {
	// Name says what it prepares, for messages.
	Name() string
	// Concerns reports whether allocations of the group need it.
	Concerns(g *api.TaskGroup) bool
	// Prerun makes it, before the first task starts, and says in s.Site what there is. It
	// is called again by each agent that picks the allocation up, and finds what is there.
	// When ctx is done it returns soon.
	Prerun(ctx context.Context, s *AllocStart) error
	// Postrun removes it, when all tasks have ended, also after a Prerun that failed or of
	// which nobody knows how far it got. It is no error when nothing is there.
	Postrun(ctx context.Context, allocID string) error
	// Sweep removes what is there of allocations that nobody knows any more.
	Sweep(ctx context.Context, known func(allocID string) bool) error
}

// AllocStart is an allocation that is being prepared. The objects are shared and must not
// be changed.
type AllocStart struct {
	Alloc  *api.Allocation
	Job    *api.Job
	Group  *api.TaskGroup
	Node   *api.Node
	Region string
	// Drivers are those of the node, by their names.
	Drivers map[string]driver.Driver
	// Note adds an event to those of each task. May be nil.
	Note func(*api.TaskEvent)

	// Site is what the hooks have made.
	Site alloc.Site
}

// ConcernsAny reports whether any of the hooks is needed by allocations of the group.
func ConcernsAny(hooks []Alloc, g *api.TaskGroup) bool {
	return slices.ContainsFunc(hooks, func(h Alloc) bool { return h.Concerns(g) })
}

// Prerun runs the hooks that the allocation needs until one fails.
func Prerun(ctx context.Context, hooks []Alloc, s *AllocStart) error {
	for _, h := range hooks {
		if !h.Concerns(s.Group) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := h.Prerun(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", h.Name(), err)
		}
	}
	return nil
}

// Postrun runs all hooks, the last one first, whatever some fail at: what a group needs
// may have been more when Prerun ran.
func Postrun(ctx context.Context, hooks []Alloc, allocID string) error {
	var failed []error
	for _, h := range slices.Backward(hooks) {
		if err := h.Postrun(ctx, allocID); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", h.Name(), err))
		}
	}
	return errors.Join(failed...)
}

// Sweep removes what is there of allocations that nobody knows any more, whatever some
// hooks fail at.
func Sweep(ctx context.Context, hooks []Alloc, known func(allocID string) bool) error {
	var failed []error
	for _, h := range hooks {
		if err := h.Sweep(ctx, known); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", h.Name(), err))
		}
	}
	return errors.Join(failed...)
}
