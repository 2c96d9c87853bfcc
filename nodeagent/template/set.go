package template

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul-template/config"
	dep "github.com/hashicorp/consul-template/dependency"
	engine "github.com/hashicorp/consul-template/template"
	"github.com/hashicorp/go-envparse"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/logs"
)

// Options is what the templates of a task need.
type Options struct {
	// Root is the directory that templates are in, and nothing leads out of. Place returns
	// where in it a path is that the task names.
	Root  string
	Place func(path string) (string, error)
	// Env is what the task's environment is without its templates, Replace interpolates
	// with it.
	Env       map[string]string
	Replace   func(string) string
	Namespace string // of the job
	// Workload is by what servers know for which task is asked: ALLOCATION/TASK. They let
	// it read its variables.
	Workload string
	// Dial opens a connection to a server, for its HTTP API.
	Dial func(context.Context) (net.Conn, error)
	// Denied are the functions that templates may not use, with wildcards. Default: plugin
	// and writeToFile.
	Denied []string
	// Note says to the task's user what holds it up, or goes wrong. May be nil.
	Note func(message string)

	seen func(path, content string) // is told what the template that is being rendered reads
}

// Set is the templates of one task. It is for one goroutine at a time.
type Set struct {
	o     Options
	all   []*one
	brain *engine.Brain
	feeds map[string]*feed // by the name of the dependency
	// files is what templates read of files, by the names that they use.
	files map[string]string
	told  string // the last message
}

// Change is what templates that were rendered anew ask for.
type Change struct {
	Restart bool
	Signals []string
	Scripts []*api.ChangeScript
	// Splay is how long at most to wait before.
	Splay time.Duration
}

// New makes the set of some blocks. Errors: *api.InvalidError if one can't ever be
// rendered.
func New(blocks []*api.Template, o Options) (*Set, error) {
	if o.Denied == nil {
		o.Denied = defaultDenied
	}
	s := &Set{o: o, brain: engine.NewBrain(), feeds: map[string]*feed{}, files: map[string]string{}}
	for _, block := range blocks {
		t, err := compile(block, &s.o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", api.Deref(block.DestPath), err)
		}
		s.all = append(s.all, t)
	}
	return s, nil
}

// Watched reports whether any of the templates is rendered again.
func (s *Set) Watched() bool {
	return slices.ContainsFunc(s.all, func(t *one) bool { return !api.Deref(t.block.Once) })
}

// missingPatience is how long a first rendering waits before it says what for.
const missingPatience = 3 * time.Second

// First renders all templates, waiting for what they read, and returns the variables of
// those that are environment.
func (s *Set) First(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, err := s.listen(ctx)
	if err != nil {
		return nil, err
	}
	defer in.wait()
	defer cancel()
	patience := time.NewTimer(missingPatience)
	defer patience.Stop()
	for {
		missing, err := s.renderAll(in, time.Now())
		if err != nil {
			return nil, err
		}
		due := s.due()
		if len(missing) == 0 && due.IsZero() {
			return s.environment()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-alarm(due):
		case <-patience.C:
			s.note("Missing: " + strings.Join(missing, ", "))
		case n := <-in.news:
			if n.err != nil {
				s.note(n.err.Error())
				continue
			}
			s.learn(n, time.Now())
		}
	}
}

// filePause is how often files that templates read are looked at.
const filePause = 2 * time.Second

// Watch renders templates again when what they read changes, and calls act with what is
// to be done then, until ctx is done. What goes wrong is noted, and what was rendered
// stays.
func (s *Set) Watch(ctx context.Context, act func(Change)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer in.wait()
	defer cancel()
	look := time.NewTicker(filePause)
	defer look.Stop()
	for {
		before := s.contents()
		if _, err := s.renderAll(in, time.Now()); err != nil {
			s.note("Template failed: " + err.Error())
		}
		if c, changed := s.changeSince(before); changed {
			act(c)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-alarm(s.due()):
		case <-look.C:
			s.lookAtFiles(time.Now())
		case n := <-in.news:
			if n.err != nil { // the servers are away for a while, say
				continue
			}
			s.learn(n, time.Now())
		}
	}
}

// inlet is where the feeds of a set arrive.
type inlet struct {
	ctx     context.Context
	clients *dep.ClientSet
	news    chan news
	feeds   sync.WaitGroup
}

// listen begins to follow all feeds that are known, until ctx is done.
func (s *Set) listen(ctx context.Context) (*inlet, error) {
	clients, err := s.o.clients(ctx)
	if err != nil {
		return nil, err
	}
	in := &inlet{ctx: ctx, clients: clients, news: make(chan news)}
	for _, f := range s.feeds {
		in.follow(f)
	}
	return in, nil
}

func (in *inlet) follow(f *feed) {
	copied := *f // f is the set's to change
	in.feeds.Go(func() {
		copied.follow(in.ctx, in.clients, func(n news) {
			n.feed, copied.known = f, true
			select {
			case in.news <- n:
			case <-in.ctx.Done():
			}
		})
	})
}

func (in *inlet) wait() { in.feeds.Wait() }

// learn takes what a feed brought: templates that read it are to be rendered.
func (s *Set) learn(n news, now time.Time) {
	if !n.feed.take(n) {
		return
	}
	s.brain.Remember(n.feed.dep, n.data)
	s.touch(n.feed.dep.String(), now)
}

// touch says that something that templates read has changed.
func (s *Set) touch(what string, now time.Time) {
	for _, t := range s.all {
		if !t.reads[what] || t.done && api.Deref(t.block.Once) {
			continue
		}
		least, most := time.Duration(0), time.Duration(0)
		if w := t.block.Wait; w != nil {
			least = api.Deref(w.Min)
			most = max(api.Deref(w.Max), least)
		}
		if t.quiet.IsZero() {
			t.latest = now.Add(most)
		}
		t.quiet = now.Add(least)
		if t.quiet.After(t.latest) {
			t.quiet = t.latest
		}
	}
}

// due returns when the next template is to be rendered; zero: nothing is.
func (s *Set) due() time.Time {
	var due time.Time
	for _, t := range s.all {
		if !t.quiet.IsZero() && (due.IsZero() || t.quiet.Before(due)) {
			due = t.quiet
		}
	}
	return due
}

// alarm returns a channel that something is sent on at that time; never if it is zero.
func alarm(at time.Time) <-chan time.Time {
	if at.IsZero() {
		return nil
	}
	return time.After(time.Until(at))
}

// renderAll renders what has not been, or is due, and writes what is new. It returns the
// names of what is still missing.
func (s *Set) renderAll(in *inlet, now time.Time) (missing []string, err error) {
	for _, t := range s.all {
		if t.done && (t.quiet.IsZero() || t.quiet.After(now)) || !t.done && t.quiet.After(now) {
			continue
		}
		lacks, failed := s.render(in, t)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", t.name(), failed))
		}
		missing = append(missing, lacks...)
	}
	return missing, err
}

func (s *Set) render(in *inlet, t *one) (missing []string, err error) {
	t.quiet = time.Time{}
	reads := map[string]bool{}
	s.o.seen = func(path, content string) {
		s.files[path] = content
		reads[fileName(path)] = true
	}
	result, err := t.compiled.Execute(&engine.ExecuteInput{
		Brain: s.brain, Config: &config.Config{Nomad: &config.NomadConfig{Namespace: &s.o.Namespace}},
	})
	if err != nil { // what it read before may let it be rendered again
		maps.Copy(t.reads, reads)
		return nil, err
	}
	t.reads = reads
	for _, d := range result.Used.List() {
		reads[d.String()] = true
		if s.feeds[d.String()] == nil {
			f := &feed{dep: d}
			s.feeds[d.String()] = f
			in.follow(f)
		}
	}
	for _, d := range result.Missing.List() {
		missing = append(missing, d.String())
	}
	if len(missing) > 0 {
		return missing, nil
	}
	root, err := s.o.open()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(t.write(root, result.Output), root.Close()); err != nil {
		return nil, err
	}
	t.rendered, t.done = result.Output, true
	return nil, nil
}

func fileName(path string) string { return "file " + path }

// lookAtFiles touches files that are not what they were.
func (s *Set) lookAtFiles(now time.Time) {
	for path, was := range s.files {
		if is, err := s.o.read(path); err == nil && is != was {
			s.files[path] = is
			s.touch(fileName(path), now)
		}
	}
}

// environment returns the variables of the templates that are environment, the later
// over the earlier.
func (s *Set) environment() (map[string]string, error) {
	env := map[string]string{}
	for _, t := range s.all {
		if !api.Deref(t.block.Envvars) {
			continue
		}
		vars, err := envparse.Parse(bytes.NewReader(t.rendered))
		if err != nil {
			return nil, fmt.Errorf("%s: what is rendered is no environment: %w", t.name(), err)
		}
		for name, value := range vars {
			env[name] = value
		}
	}
	return env, nil
}

func (s *Set) contents() [][]byte {
	out := make([][]byte, len(s.all))
	for i, t := range s.all {
		out[i] = t.rendered
	}
	return out
}

// changeSince returns what is to be done about templates that are not what they were.
func (s *Set) changeSince(before [][]byte) (c Change, changed bool) {
	for i, t := range s.all {
		if before[i] == nil || string(before[i]) == string(t.rendered) {
			continue
		}
		changed = true
		c.add(t.block)
	}
	return c, changed
}

func (c *Change) add(b *api.Template) {
	switch api.Deref(b.ChangeMode) {
	case api.ChangeNoop:
		return
	case api.ChangeSignal:
		if signal := api.Deref(b.ChangeSignal); !slices.Contains(c.Signals, signal) {
			c.Signals = append(c.Signals, signal)
		}
	case api.ChangeRunScript:
		c.Scripts = append(c.Scripts, b.ChangeScript)
	default:
		c.Restart = true
	}
	c.Splay = max(c.Splay, api.Deref(b.Splay))
}

// note says something to the task's user, once.
func (s *Set) note(message string) {
	if s.o.Note != nil && message != s.told {
		s.told = message
		s.o.Note(message)
	}
}

// Adopt takes what is in the places of the templates for what has been rendered, after
// an agent was started anew beside a running task: Watch then finds what has changed
// meanwhile.
func (s *Set) Adopt() error {
	root, err := s.o.open()
	if err != nil {
		return err
	}
	for _, t := range s.all {
		content, err := allocdir.ReadFile(root, t.place, maxFile)
		switch {
		case err == nil:
			t.rendered = content
			t.done = api.Deref(t.block.Once)
		case errors.Is(err, os.ErrNotExist), errors.Is(err, logs.ErrNotRegular), errors.Is(err, api.ErrTooLarge): // the task's doing
		default:
			return errors.Join(err, root.Close())
		}
	}
	return root.Close()
}
