package hook

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/template"
)

// templates renders the task's template blocks before it starts, and again while it runs.
type templates struct{}

func (templates) Name() string { return "template" }

func (h templates) Prestart(ctx context.Context, s *Start) error {
	set, err := h.set(s)
	if set == nil || err != nil {
		return err
	}
	var env map[string]string
	err = s.aside(func() error {
		env, err = set.First(ctx)
		return err
	})
	if err != nil {
		return err
	}
	s.Vars.Add(env)
	h.accompany(s, set)
	return nil
}

// Resume implements Resumer.
func (h templates) Resume(_ context.Context, s *Start) error {
	set, err := h.set(s)
	if set == nil || err != nil {
		return err
	}
	if err := set.Adopt(); err != nil {
		return err
	}
	h.accompany(s, set)
	return nil
}

// set returns the templates of the task; nil if there are none.
func (templates) set(s *Start) (*template.Set, error) {
	if len(s.Task.Templates) == 0 || s.Dir.Root == "" {
		return nil, nil
	}
	return template.New(s.Task.Templates, template.Options{
		Root:      s.Dir.Root,
		Place:     func(path string) (string, error) { return s.Dir.Place(s.Task.Name, path, s.Rooted) },
		Env:       s.Vars.Map(),
		Replace:   s.Vars.Replace,
		Namespace: s.Alloc.Namespace,
		Workload:  s.Alloc.ID + "/" + s.Task.Name,
		Dial:      s.Dial,
		Note:      func(message string) { s.note(templateEvent(message)) },
	})
}

func templateEvent(message string) *api.TaskEvent {
	return &api.TaskEvent{
		Type: api.EventTemplate, Time: time.Now().UnixNano(), DisplayMessage: message, Message: message,
		Details: map[string]string{"message": message},
	}
}

func (templates) accompany(s *Start, set *template.Set) {
	if !set.Watched() {
		return
	}
	s.Companions = append(s.Companions, func(ctx context.Context, t Running) {
		err := set.Watch(ctx, func(c template.Change) { enact(ctx, c, t) })
		if err != nil {
			t.Note(templateEvent("Template failed: " + err.Error()))
		}
	})
}

// enact does what templates that were rendered anew ask for.
func enact(ctx context.Context, c template.Change, t Running) {
	if c.Splay > 0 && (c.Restart || len(c.Signals)+len(c.Scripts) > 0) {
		select {
		case <-time.After(rand.N(c.Splay)):
		case <-ctx.Done():
			return
		}
	}
	if c.Restart {
		t.Restart("Template with change_mode restart re-rendered")
		return
	}
	var failed []string
	for _, signal := range c.Signals {
		if err := t.Signal(ctx, signal, "Template re-rendered"); err != nil && !hasEnded(ctx, err) {
			failed = append(failed, signal+": "+err.Error())
		}
	}
	if len(failed) > 0 {
		t.Fail("Template failed to send signals: " + strings.Join(failed, ", "))
		return
	}
	for _, script := range c.Scripts {
		runScript(ctx, script, t)
	}
}

// hasEnded reports whether something could not be done because the task has ended: what
// comes then is the restart policy's to say.
func hasEnded(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, driver.ErrEnded)
}

// scriptTimeout is how long a script may take that says nothing of it.
const scriptTimeout = 5 * time.Second

func runScript(ctx context.Context, script *api.ChangeScript, t Running) {
	timeout := api.Deref(script.Timeout)
	if timeout <= 0 {
		timeout = scriptTimeout
	}
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	command := api.Deref(script.Command)
	err := t.Exec(timed, append([]string{command}, script.Args...))
	switch {
	case err == nil:
		t.Note(templateEvent("Template successfully ran script " + command + " with arguments: " + strings.Join(script.Args, " ") + ". Exit code: 0"))
	case hasEnded(ctx, err):
	case api.Deref(script.FailOnError):
		t.Fail("Template failed to run script " + command + ": " + err.Error() + "; the task is killed, as fail_on_error asks for")
	default:
		t.Note(templateEvent("Template failed to run script " + command + ": " + err.Error()))
	}
}
