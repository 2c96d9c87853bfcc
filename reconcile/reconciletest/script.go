package reconciletest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Verb is a command of scripts besides those that there are. It changes the world;
// what follows from that is its output.
type Verb struct {
	Name string
	Do   func(w *World, args []string, input string) error
}

// RunScripts runs every script (*.txt) in a folder, each in a world of its own. With
// the flag -rewrite it writes the outputs into the scripts instead: review them like
// code. See the package page for the form of a script.
func RunScripts(t *testing.T, folder string, register Register, verbs ...Verb) {
	t.Helper()
	RunDirectives(t, folder, func(t *testing.T) func(datadriven.TestData) string {
		return newScript(New(t, register), verbs).run
	})
}

// RunDirectives runs the files (*.txt) of a folder that are in the form of package
// datadriven, each in a bubble of testing/synctest, for kits with commands of their
// own. begin is called in the bubble, for each file, and returns what runs a directive.
func RunDirectives(t *testing.T, folder string, begin func(*testing.T) func(datadriven.TestData) string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no scripts in %s (%v)", folder, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { runFile(t, path, begin) })
	}
}

// runFile runs a file. Its directives can't be run as they are read: each has a subtest
// and a goroutine, which do not get along with a bubble. So they are read, run, and then
// compared.
func runFile(t *testing.T, path string, begin func(*testing.T) func(datadriven.TestData) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var directives []datadriven.TestData
	datadriven.RunTestFromString(t, string(text), func(_ *testing.T, d *datadriven.TestData) string {
		directives = append(directives, *d)
		return d.Expected
	})
	var outputs []string
	synctest.Test(t, func(t *testing.T) {
		run := begin(t)
		for _, d := range directives {
			outputs = append(outputs, run(d))
		}
	})
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		if len(outputs) == 0 {
			t.Fatalf("%s: the script ended before this", d.Pos)
		}
		out := outputs[0]
		outputs = outputs[1:]
		return out
	})
}

// script runs the directives of one file.
type script struct {
	world  *World
	verbs  []Verb
	scribe scribe
	errors map[string]uint64 // of each controller, so far
}

func newScript(w *World, verbs []Verb) *script {
	return &script{
		world: w,
		verbs: verbs,
		scribe: scribe{
			notation: notation{start: w.start},
			names:    make(map[string]string),
			ids:      make(map[string]string),
		},
		errors: make(map[string]uint64),
	}
}

// run runs a directive and returns what came of it.
func (s *script) run(d datadriven.TestData) string {
	input := s.scribe.resolve(d.Input)
	if d.Cmd == "show" {
		return s.show(d.CmdArgs)
	}
	own, err := s.act(d, input)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	s.world.Settle()
	entries, err := s.world.history.take()
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	out := s.scribe.tell(entries, func(e entry) bool {
		return e.Key.Kind == api.KindLeadership || e.Index == own
	})
	return out + s.failures()
}

// act does what a directive says, and returns the index of its own writes, which are
// no output.
func (s *script) act(d datadriven.TestData, input string) (own uint64, err error) {
	switch d.Cmd {
	case "put":
		objects, err := s.scribe.parse(input, s.world.Store.Snapshot().Get)
		if err != nil {
			return 0, err
		}
		var txn store.Txn
		for _, o := range objects {
			txn.Writes = append(txn.Writes, store.Put(o))
		}
		return s.world.Apply(txn).Index, nil
	case "delete":
		var txn store.Txn
		for line := range strings.Lines(input) {
			key, err := parseKey(line)
			if err != nil {
				return 0, err
			}
			txn.Writes = append(txn.Writes, store.Delete(key))
		}
		return s.world.Apply(txn).Index, nil
	case "advance":
		if len(d.CmdArgs) != 1 {
			return 0, fmt.Errorf("advance takes how long")
		}
		duration, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			return 0, err
		}
		s.world.Advance(duration)
		return 0, nil
	case "lead":
		if len(d.CmdArgs) != 1 {
			return 0, fmt.Errorf("lead takes who leads: self or other")
		}
		s.world.Lead(d.CmdArgs[0].Key == "self")
		return 0, nil
	case "restart":
		s.world.Restart()
		clear(s.errors)
		return 0, nil
	}
	i := slices.IndexFunc(s.verbs, func(v Verb) bool { return v.Name == d.Cmd })
	if i < 0 {
		return 0, fmt.Errorf("there is no command %q", d.Cmd)
	}
	args := make([]string, len(d.CmdArgs))
	for i, a := range d.CmdArgs {
		args[i] = a.String()
	}
	return 0, s.verbs[i].Do(s.world, args, input)
}

// show writes down an object, or all of a kind.
func (s *script) show(args []datadriven.CmdArg) string {
	snap := s.world.Store.Snapshot()
	var b strings.Builder
	switch len(args) {
	case 1:
		for o := range snap.Scan(store.Query{Kind: api.Kind(args[0].Key)}) {
			b.WriteString(s.scribe.show(o))
		}
	case 2:
		key, err := parseKey(args[0].Key + " " + s.scribe.resolve(args[1].Key))
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		if o, ok := snap.Get(key); ok {
			b.WriteString(s.scribe.show(o))
		}
	default:
		return "error: show takes a kind, and a key if only one is meant\n"
	}
	if b.Len() == 0 {
		return "(none)\n"
	}
	return b.String()
}

// failures tells of controllers that failed since the last directive.
func (s *script) failures() string {
	var b strings.Builder
	for _, c := range s.world.manager.Status() {
		if c.Errors > s.errors[c.Name] {
			fmt.Fprintf(&b, "%s failed on %s: %v\n", c.Name, c.LastError.Request, c.LastError.Err)
		}
		s.errors[c.Name] = c.Errors
	}
	return s.scribe.name(b.String())
}
