package cli

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/config"
)

// run runs the command line without a server.
func run(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(t.Context(), args, Options{
		In: strings.NewReader(""), Out: &o, Err: &e, Version: "1.2.3",
		RunAgent: func(_ context.Context, cfg *config.Agent, _ []string) error {
			_, err := o.WriteString("agent in " + cfg.Datacenter)
			return err
		},
	})
	return o.String(), e.String(), code
}

func TestLongFlagsMayHaveOneDash(t *testing.T) {
	root := (&cli{}).root()
	for _, test := range []struct{ in, want string }{
		{"job run -check-index 3 x.hcl", "job run --check-index 3 x.hcl"},
		{"job run --check-index=3 x.hcl", "job run --check-index=3 x.hcl"},
		{"job run -var a=b -var -c x.hcl", "job run --var a=b --var -c x.hcl"},
		{"alloc logs -f -tail -n 5 abc", "alloc logs -f --tail -n 5 abc"},
		{"job status -- -odd", "job status -- -odd"},
		{"alloc exec -task web -t=false -i=false abc ls -la -tty", "alloc exec --task web -t=false -i=false abc ls -la -tty"},
		{"alloc exec -job web env -i", "alloc exec --job web env -i"},
		{"node eligibility -enable -address=http://x abc", "node eligibility --enable --address=http://x abc"},
	} {
		if got := strings.Join(oneDash(root, strings.Fields(test.in)), " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.in, got, test.want)
		}
	}
}

func TestMistakesSayWhatToDo(t *testing.T) {
	for _, test := range []struct {
		args, want string
		code       int
	}{
		{"job run -nope", "unknown flag: -nope", 1},
		{"job rum", `job has no command "rum". Did you mean "run"?`, 1},
		{"job run", "Usage: drover job run [FLAGS] FILE", 1},
		{"job run missing.hcl", "no such file", 1},
		{"node drain x", "Either the '-enable' or '-disable' flag must be set", 1},
		{"node drain -enable -disable x", "Either the '-enable' or '-disable' flag must be set", 1},
		{"node drain -disable -force x", "-disable can't be combined", 1},
		{"node drain -enable -force -deadline 5m x", "only one of -deadline, -force and -no-deadline", 1},
		{"node drain -enable -deadline 0s x", "A positive drain duration must be given", 1},
		{"node drain -enable -keep-ineligible x", "-keep-ineligible goes with -disable", 1},
		{"node drain -monitor -m why x", "-monitor only follows", 1},
		{"node drain -monitor -detach x", "contradict", 1},
		{"node drain -enable", "Which node?", 1},
		{"node drain -enable -self x", "no node is named", 1},
		{"node meta apply", "Nothing to change", 1},
		{"node meta apply disk", `"disk": write KEY=VALUE`, 1},
		{"node meta apply -unset a a=b", "a is to be set and taken out", 1},
		{"job plan missing.hcl", "no such file", 255},
		{"node status -address http://127.0.0.1:1", "connection refused", 1},
		{"node status -address ftp://x", "write it as http://HOST:PORT", 1},
		{"apply testdata/empty", "no such file", 1},
		{"agent -log-level loud", "enable at least one role", 1},
		{"job run -check-index x testdata/none", "no such file", 1},
	} {
		out, errs, code := run(t, strings.Fields(test.args)...)
		if code != test.code || !strings.Contains(errs, test.want) {
			t.Errorf("%s: exit %d (want %d)\n%s%s\nwant %s", test.args, code, test.code, out, errs, test.want)
		}
	}
}

func TestAgentGetsItsConfiguration(t *testing.T) {
	if out, errs, code := run(t, "agent", "-dev", "-dc", "east"); code != 0 || out != "agent in east" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestVersion(t *testing.T) {
	if out, _, code := run(t, "version"); code != 0 || out != "drover 1.2.3\n" {
		t.Errorf("exit %d: %q", code, out)
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	var paths [][]string
	var walk func(prefix []string, names []string)
	root := (&cli{}).root()
	walk = func(prefix, _ []string) {
		cmd, _, err := root.Find(prefix)
		if err != nil {
			t.Fatal(err)
		}
		for _, sub := range cmd.Commands() {
			if sub.Short == "" {
				t.Errorf("%s says nothing", sub.CommandPath())
			}
			path := append(slices.Clone(prefix), sub.Name())
			paths = append(paths, path)
			walk(path, nil)
		}
	}
	walk(nil, nil)
	for _, path := range paths {
		if out, errs, code := run(t, append(path, "-h")...); code != 0 || len(out) < 40 {
			t.Errorf("%v -h: exit %d\n%s%s", path, code, out, errs)
		}
	}
}

func TestDurationsAreBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "1m30s", time.Hour: "1h", 26*time.Hour + 3*time.Second: "1d2h", -time.Second: "0s",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func TestSizesAreBinary(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 61: "61 B", 4096: "4.0 KiB", 64 << 20: "64 MiB", 24 << 30: "24 GiB", 300 << 20: "300 MiB"} {
		if got := bytesOf(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestDiffIsShownAsRecorded(t *testing.T) {
	c := &cli{}
	created := &api.JobDiff{Type: api.DiffAdded, ID: "hello", Fields: []*api.FieldDiff{{Type: api.DiffAdded, Name: "Type", New: "service"}}, TaskGroups: []*api.TaskGroupDiff{{
		Type: api.DiffAdded, Name: "example", Updates: map[string]uint64{"create": 1},
		Tasks: []*api.TaskDiff{{Type: api.DiffAdded, Name: "server", Annotations: []string{"forces create"}}},
	}}}
	want := "+ Job: \"hello\"\n+ Task Group: \"example\" (1 create)\n  + Task: \"server\" (forces create)\n"
	if diff := cmp.Diff(want, c.diffText(created, false)); diff != "" {
		t.Error(diff)
	}
	edited := &api.JobDiff{Type: api.DiffEdited, ID: "canary", TaskGroups: []*api.TaskGroupDiff{{
		Type: api.DiffEdited, Name: "web", Updates: map[string]uint64{"canary": 1, "ignore": 3},
		Tasks: []*api.TaskDiff{{
			Type: api.DiffEdited, Name: "sleep", Annotations: []string{"forces create/destroy update"},
			Objects: []*api.ObjectDiff{{Type: api.DiffEdited, Name: "Config", Fields: []*api.FieldDiff{
				{Type: api.DiffEdited, Name: "args[0]", Old: "100000", New: "100001"},
				{Type: api.DiffNone, Name: "command", Old: "/bin/sleep", New: "/bin/sleep"},
			}}},
		}},
	}}}
	want = `+/- Job: "canary"
+/- Task Group: "web" (1 canary, 3 ignore)
  +/- Task: "sleep" (forces create/destroy update)
    +/- Config {
      +/- args[0]: "100000" => "100001"
          command: "/bin/sleep"
        }
`
	if diff := cmp.Diff(want, c.diffText(edited, false)); diff != "" {
		t.Error(diff)
	}
}

func TestPlacementFailuresCountNodesByCause(t *testing.T) {
	got := failureText(map[string]*api.AllocationMetric{"g": {
		NodesEvaluated: 3, NodesAvailable: map[string]int{"dc1": 3, "dc2": 0}, CoalescedFailures: 1,
		ConstraintFiltered: map[string]int{"${attr.kernel.name} = windows": 1},
		NodesExhausted:     2, DimensionExhausted: map[string]int{"memory": 2},
	}}, "  ", true)
	want := `  Task Group "g" (failed to place 2 allocations):
    * No nodes are available in datacenter "dc2"
    * Constraint "${attr.kernel.name} = windows": 1 nodes excluded by filter
    * Resources exhausted on 2 nodes
    * Dimension "memory" exhausted on 2 nodes
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
