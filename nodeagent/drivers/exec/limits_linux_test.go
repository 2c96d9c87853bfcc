package exec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/shim"
)

func TestATaskThatTakesMoreMemoryThanItHasIsKilledAndItIsSaidWhy(t *testing.T) {
	needIsolation(t)
	task := newTask(t, "exec tail /dev/zero")
	task.Resources.Memory.MemoryMB = 20
	result, _ := run(t, newDriver(t, nil), task)
	if !result.OOMKilled || result.Signal != int(unix.SIGKILL) {
		t.Errorf("ended with %+v", result)
	}
}

func TestAForkBombIsHeldByTheLimitOfProcesses(t *testing.T) {
	needIsolation(t)
	task := newTask(t, `bomb() { bomb | bomb & }; bomb 2>/dev/null; i=0
		while [ $i -lt 50 ]; do sleep 1000 2>/dev/null & i=$((i+1)); done; touch /local/full; wait`)
	task.Config["pids_limit"] = 30
	d := newDriver(t, nil)
	h := heldtest.Start(t, d, task)
	for i := 0; ; i++ {
		stats, err := d.Stats(heldtest.Context(t), h)
		if err != nil {
			break // it could not even begin to wait
		}
		if stats.PIDs > 30 {
			t.Fatalf("the task has %d processes", stats.PIDs)
		}
		if _, err := os.Stat(filepath.Join(task.Dir, "local", "full")); err == nil {
			break
		}
	}
	if err := d.Stop(heldtest.Context(t), h, "SIGKILL", 0); err != nil {
		t.Fatal(err)
	}
}

// setting reads what a control group of a running task says, by the name of the file
// in version 2 or in version 1.
func setting(t *testing.T, task driver.Task, unified, legacy string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(task.StateDir, shim.SpecFile))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := shim.DecodeSpec(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range spec.Groups {
		for _, name := range []string{unified, legacy} {
			if b, err := os.ReadFile(filepath.Join(g.Path, name)); err == nil {
				return strings.TrimSpace(string(b))
			}
		}
	}
	t.Fatalf("no control group of the task has %s or %s", unified, legacy)
	return ""
}

func TestLimitsAreThoseOfControlGroups(t *testing.T) {
	needIsolation(t)
	task := newTask(t, "exec sleep 1000")
	task.Resources.Cpu.CpuShares, task.Resources.Cpu.ReservedCores = 500, []uint16{0}
	task.Resources.Memory.MemoryMB, task.Resources.Memory.MemoryMaxMB = 64, 128
	task.Config["pids_limit"], task.Config["cpu_hard_limit"] = 77, true
	heldtest.Start(t, newDriver(t, nil), task)
	for _, c := range []struct{ unified, legacy, want string }{
		{"memory.max", "memory.limit_in_bytes", strconv.Itoa(128 << 20)},
		{"memory.low", "memory.soft_limit_in_bytes", strconv.Itoa(64 << 20)},
		{"pids.max", "pids.max", "77"},
		{"cpuset.cpus", "cpuset.cpus", "0"},
	} {
		if got := setting(t, task, c.unified, c.legacy); got != c.want {
			t.Errorf("%s is %s, want %s", c.legacy, got, c.want)
		}
	}
	if got := setting(t, task, "cpu.weight", "cpu.shares"); got != "500" && got != "19" {
		t.Errorf("shares of CPU: %s", got)
	}
	quota, _, _ := strings.Cut(setting(t, task, "cpu.max", "cpu.cfs_quota_us"), " ")
	if n, err := strconv.Atoi(quota); err != nil || n < 1000 {
		t.Errorf("CPU quota %s, %v", quota, err)
	}
}

func TestMoreProcessesThanTheNodeAllowsAreRefused(t *testing.T) {
	d := newDriver(t, map[string]any{"pids_limit": 100})
	err := d.Validate(map[string]any{"command": "true", "pids_limit": 101})
	if err == nil || !strings.Contains(err.Error(), "pids_limit") {
		t.Error(err)
	}
}

func TestACommandBesideATaskIsWithinItsLimitsAndItsWalls(t *testing.T) {
	needIsolation(t)
	d := newDriver(t, nil)
	task := newTask(t, "exec sleep 1000")
	task.Resources.Memory.MemoryMB = 20
	h := heldtest.Start(t, d, task)
	beside := func(script string) (driver.ExitResult, string) {
		t.Helper()
		var out strings.Builder
		c := driver.Command{Args: []string{"sh", "-c", script}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}
		result, err := d.Exec(heldtest.Context(t), h, c)
		if err != nil {
			t.Fatal(err)
		}
		return result, out.String()
	}
	if result, out := beside("exec tail /dev/zero"); result.Signal != int(unix.SIGKILL) {
		t.Errorf("a command with a lot of memory: %+v, %s", result, out)
	}
	const same = `id -un; cat /proc/1/comm; grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\t\n'`
	if _, out := beside(same); out != fmt.Sprintf("nobody\n%s\nCapBnd:00000000a80405fbNoNewPrivs:1Seccomp:2", shim.Name) {
		t.Errorf("a command has %q", out)
	}
	if _, out := beside("ls -d " + task.Dir); !strings.Contains(out, "No such file") {
		t.Errorf("a command sees %q", out)
	}
}
