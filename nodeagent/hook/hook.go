package hook

import (
	"context"
	"fmt"
	"net"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/artifact"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/env"
)

// Hook prepares one thing for a task.
type Hook interface {
	// Name says what it prepares, for messages.
	Name() string
	// Prestart prepares it. It may be called again for the same task.
	Prestart(ctx context.Context, s *Start) error
}

// Start is one start of a task that is being prepared. The objects are shared and
// must not be changed.
type Start struct {
	Alloc  *api.Allocation
	Job    *api.Job
	Group  *api.TaskGroup
	Task   *api.Task
	Node   *api.Node
	Region string
	// Dir is where the allocation's files are. Without a Root it has none (that is
	// so on simulated nodes) and no files are made.
	Dir allocdir.Dir
	// Rooted says that the task's driver gives it a root of its own (driver.Rooter).
	Rooted bool
	// Site is what the tasks of the allocation share.
	Site alloc.Site
	// Mounter says that the task's driver shows it what is mounted (driver.Mounter).
	Mounter bool
	// SecretsInMemory says that the secrets of tasks can be, and are, kept in memory.
	SecretsInMemory bool
	// HostEnv is the part of the agent's environment that tasks see.
	HostEnv []string

	// Fetcher fetches artifacts; without it there are none.
	Fetcher *artifact.Fetcher
	// Keep is a directory of the agent's in which hooks note what is done once for an
	// allocation, however often its tasks start; they make it.
	Keep string
	// Note adds an event to those of the task. May be nil.
	Note func(*api.TaskEvent)
	// Aside runs what may take long, so that other tasks can start meanwhile. Nil: it is
	// just run.
	Aside func(work func() error) error

	// Dial opens a connection to a server, for its HTTP API.
	Dial func(context.Context) (net.Conn, error)

	// Companions are what goes on beside the task when it has started. Hooks add them.
	Companions []Companion
	// Mounts are what of the node the task sees in places of its own. Hooks add them.
	Mounts []driver.Mount
	// Vars is the task's environment. The environment hook makes it.
	Vars *env.Vars
}

// Default returns all hooks, in order.
func Default() []Hook {
	return []Hook{supported{}, volumes{}, allocDir{}, taskDir{}, environment{}, volumeMounts{}, dispatchPayload{}, artifacts{}, templates{}}
}

// Run runs the hooks until one fails.
func Run(ctx context.Context, hooks []Hook, s *Start) error {
	for _, h := range hooks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := h.Prestart(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", h.Name(), err)
		}
	}
	return nil
}

func (s *Start) note(e *api.TaskEvent) {
	if s.Note != nil {
		s.Note(e)
	}
}

func (s *Start) aside(work func() error) error {
	if s.Aside == nil {
		return work()
	}
	return s.Aside(work)
}

// allocDir makes the directories that the allocation's tasks share.
type allocDir struct{}

func (allocDir) Name() string { return "allocation directory" }

func (allocDir) Prestart(_ context.Context, s *Start) error {
	if s.Dir.Root == "" {
		return nil
	}
	return s.Dir.Build()
}

// taskDir makes the task's own directories.
type taskDir struct{}

func (taskDir) Name() string { return "task directory" }

func (taskDir) Prestart(_ context.Context, s *Start) error {
	if s.Dir.Root == "" {
		return nil
	}
	if err := s.Dir.BuildTask(s.Task.Name, s.Task.User); err != nil || !s.SecretsInMemory {
		return err
	}
	size := 0
	if r := s.Task.Resources; r != nil {
		size = api.Deref(r.SecretsMB)
	}
	return s.Dir.MountSecrets(s.Task.Name, s.Task.User, size)
}

// environment makes the task's variables.
type environment struct{}

func (environment) Name() string { return "environment" }

func (environment) Prestart(_ context.Context, s *Start) error {
	in := env.Input{
		Alloc: s.Alloc, Job: s.Job, Group: s.Group, Task: s.Task, Node: s.Node,
		Region: s.Region, Host: s.HostEnv, Network: s.Site.Status,
	}
	switch {
	case s.Rooted:
		in.AllocDir, in.TaskDir, in.SecretsDir = driver.RootedAllocDir, driver.RootedTaskDir, driver.RootedSecretsDir
	case s.Dir.Root != "":
		in.AllocDir, in.TaskDir, in.SecretsDir = s.Dir.Shared(), s.Dir.Local(s.Task.Name), s.Dir.Secrets(s.Task.Name)
	}
	s.Vars = env.Build(in)
	return nil
}
