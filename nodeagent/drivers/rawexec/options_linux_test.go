package rawexec_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
)

func TestATaskIsLikelierToBeKilledThanItsShimIfItIsToBe(t *testing.T) {
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	// The shim has that of the task for a moment.
	d, task := newTask(t, rawexec.Options{},
		"cat /proc/self/oom_score_adj; until [ $(cat /proc/$PPID/oom_score_adj) = "+strings.TrimSpace(string(own))+" ]; do sleep 0.01; done; echo its own")
	task.Config["oom_score_adj"] = 321
	if _, err := d.Wait(testContext(t), start(t, d, task)); err != nil {
		t.Fatal(err)
	}
	if got := awaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "own"); got != "321\nits own\n" {
		t.Errorf("task and shim have %q", got)
	}
}

func TestAnArtifactIsMadeAProgramAndNothingOutside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	script := []byte("#!/bin/sh\necho made\n")
	for i, command := range []string{"local/tool", "tool", "ABSOLUTE"} {
		d, task := newTask(t, rawexec.Options{}, "")
		tool := filepath.Join(task.Dir, "local", "tool")
		if err := errors.Join(os.Mkdir(filepath.Dir(tool), 0o755), os.WriteFile(tool, script, 0o644), os.WriteFile(outside, script, 0o644)); err != nil {
			t.Fatal(err)
		}
		if command == "ABSOLUTE" {
			command = tool
		}
		task.Config = map[string]any{"command": command}
		if result, err := d.Wait(testContext(t), start(t, d, task)); err != nil || !result.Successful() {
			t.Errorf("%s: %+v, %v", command, result, err)
		}
		link := filepath.Join(task.Dir, "local", "link")
		if err := os.Symlink(outside, link); err != nil {
			t.Fatal(err)
		}
		task.ID, task.StateDir, task.Config = "link"+strconv.Itoa(i), task.StateDir+"2", map[string]any{"command": "local/link"}
		if _, err := d.Start(testContext(t), task); err == nil {
			t.Error("a link out of the directory was run")
		}
		if info, err := os.Stat(outside); err != nil || info.Mode()&0o111 != 0 {
			t.Errorf("a file outside has become %v, %v", info.Mode(), err)
		}
	}
}

func TestSomeVariablesAreNotGivenToTasks(t *testing.T) {
	d, task := newTask(t, rawexec.Options{Plugin: rawexec.Plugin{DeniedEnv: []string{"AGENT_*"}}}, `env | grep -E 'SECRET|KEPT' | sort`)
	task.Config["denied_envvars"] = []any{"SECRET"}
	for _, name := range []string{"SECRET", "AGENT_SECRET", "KEPT_SECRET"} {
		task.Env[name] = "x"
	}
	if _, err := d.Wait(testContext(t), start(t, d, task)); err != nil {
		t.Fatal(err)
	}
	if got := awaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "\n"); got != "KEPT_SECRET=x\n" {
		t.Errorf("the task has %q", got)
	}
}

func TestUsersAndGroupsThatAreDeniedRunNothing(t *testing.T) {
	plugin, err := rawexec.ParsePlugin(map[string]any{"denied_host_uids": "1-" + strconv.Itoa(os.Geteuid()+1) + "," + strconv.Itoa(os.Geteuid())})
	if err != nil {
		t.Fatal(err)
	}
	d, task := newTask(t, rawexec.Options{Plugin: plugin}, "true")
	if _, err := d.Start(testContext(t), task); !errors.Is(err, os.ErrPermission) {
		t.Errorf("as a denied user: %v", err)
	}
	d, task = newTask(t, rawexec.Options{Plugin: rawexec.Plugin{Denied: held.Denied{GIDs: []held.IDRange{{First: 0, Last: 1 << 31}}}}}, "true")
	if _, err := d.Start(testContext(t), task); !errors.Is(err, os.ErrPermission) {
		t.Errorf("as a denied group: %v", err)
	}
	for _, wrong := range []string{"x", "2-1", "-1", "1--2"} {
		if _, err := rawexec.ParsePlugin(map[string]any{"denied_host_gids": wrong}); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

// madeGroup makes a control group that is nobody's.
func madeGroup(t *testing.T, root string) (name, dir string) {
	t.Helper()
	name = "drover-test-" + uuid.NewString()
	dir = filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("not run: control groups can't be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return name, dir
}

func TestATaskRunsInTheControlGroupsOfItsJob(t *testing.T) {
	root, err := held.UnifiedRoot()
	if err != nil {
		t.Skipf("not run: %v", err)
	}
	name, dir := madeGroup(t, root)
	for _, path := range []string{name, "/" + name, dir} {
		d, task := newTask(t, rawexec.Options{}, "cat /proc/self/cgroup; (setsid sleep 1000 &)")
		task.Config["cgroup_v2_override"] = path
		if _, err := d.Wait(testContext(t), start(t, d, task)); err != nil {
			t.Fatal(err)
		}
		if got := awaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "\n"); !strings.Contains(got, "0::/"+name+"\n") {
			t.Errorf("with %s the task is in %q", path, got)
		}
		if left, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); err != nil || len(left) > 0 {
			t.Errorf("in the group there is %q, %v", left, err)
		}
	}
	d, task := newTask(t, rawexec.Options{}, "true")
	task.Config["cgroup_v2_override"] = "no/such/group"
	if _, err := d.Start(testContext(t), task); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a group that is not there: %v", err)
	}
}

func TestATaskRunsInTheOlderControlGroupsOfItsJob(t *testing.T) {
	hierarchies, err := held.LegacyHierarchies()
	if err != nil {
		t.Fatal(err)
	}
	var legacy held.Legacy
	for _, h := range hierarchies {
		if strings.HasSuffix(h.Dir, "/pids") {
			legacy = h
		}
	}
	if legacy.Dir == "" {
		t.Skip("not run: control groups of version 1 are not mounted here")
	}
	name, _ := madeGroup(t, legacy.Dir)
	d, task := newTask(t, rawexec.Options{}, "cat /proc/self/cgroup; exec sleep 1000")
	task.Config["cgroup_v1_override"] = map[string]any{"pids": name}
	h := start(t, d, task)
	got := awaitFile(t, filepath.Join(task.Stdout.Dir, "out.0"), "0::")
	if !strings.Contains(got, ":pids:/"+name+"\n") || !strings.Contains(got, "0::/drover.slice/"+task.AllocID) {
		t.Errorf("the task is in %q", got)
	}
	var out strings.Builder
	c := driver.Command{Args: []string{"cat", "/proc/self/cgroup"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
	if _, err := d.Exec(heldtest.Context(t), h, c); err != nil || !strings.Contains(out.String(), ":pids:/"+name+"\n") {
		t.Errorf("a command is in %q, %v", out.String(), err)
	}
	task.ID, task.StateDir = task.AllocID+"/main/2", task.StateDir+"2"
	task.Config["cgroup_v1_override"] = map[string]any{"no-such-controller": name}
	if _, err := d.Start(testContext(t), task); err == nil || !strings.Contains(err.Error(), "no-such-controller") {
		t.Errorf("with a controller that is not there: %v", err)
	}
}
