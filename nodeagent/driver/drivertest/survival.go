package drivertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
)

// survival is what holds for drivers whose tasks outlive the node agent.
var survival = []check{
	{"ARunningTaskIsRecoveredByTheNextAgent", checkRecoverRunning},
	{"ATaskThatEndedMeanwhileIsRecoveredWithItsExitCode", checkRecoverEnded},
	{"ACommandBesideATaskEndsWithTheAgent", checkCommandEndsWithAgent},
	{"AnAgentKilledAtAnyMomentLosesAndDoublesNothing", checkKilledAgents},
}

// planEnv names the plan of an agent process.
const planEnv = "DROVER_DRIVERTEST_PLAN"

// plan is what an agent process has to do: see every task to its end. What it did is
// in files beside the plan.
type plan struct {
	Tasks []driver.Task
	// Beside is a script to run beside each of them; empty: none.
	Beside string
}

// Main runs the tests of a driver's package, or, in a process that the suite started,
// plays the node agent. It does not return.
func Main(m *testing.M, s Subject) {
	path := os.Getenv(planEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := playAgent(path, s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// playAgent does what a node agent does, with its rules: the handle is kept before
// anything is made of it, the result before the task is destroyed.
func playAgent(path string, s Subject) error {
	d, err := s.New()
	if err != nil {
		return err
	}
	var p plan
	if err := load(path, &p); err != nil {
		return err
	}
	fmt.Println("ready")
	var tasks sync.WaitGroup
	errs := make([]error, len(p.Tasks))
	for i, task := range p.Tasks {
		tasks.Go(func() { errs[i] = live(d, task, p.Beside) })
	}
	tasks.Wait()
	return errors.Join(errs...)
}

func live(d driver.Driver, task driver.Task, beside string) error {
	ctx := context.Background()
	if _, err := os.Stat(note(task, "destroyed")); err == nil {
		return nil
	}
	var h driver.Handle
	err := load(note(task, "handle"), &h)
	if errors.Is(err, os.ErrNotExist) {
		if h, err = d.Start(ctx, task); err == nil {
			err = save(note(task, "handle"), h)
		}
	}
	if err != nil {
		return err
	}
	if beside != "" {
		return runBeside(ctx, d, task, h, beside)
	}
	if _, err := os.Stat(note(task, "result")); errors.Is(err, os.ErrNotExist) {
		result, err := d.Wait(ctx, h)
		if err == nil {
			err = save(note(task, "result"), result)
		}
		if err != nil {
			return err
		}
	}
	if err := d.Destroy(ctx, h); err != nil {
		return err
	}
	return save(note(task, "destroyed"), true)
}

func note(task driver.Task, name string) string { return filepath.Join(filepath.Dir(task.Dir), name) }

func load(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func save(path string, what any) error {
	b, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// agent is a running agent process.
type agent struct {
	b      *bench
	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr bytes.Buffer
}

// agent starts an agent process that has read its plan.
func (b *bench) agent(p plan) *agent {
	b.t.Helper()
	path := filepath.Join(b.dir, "plan")
	if err := save(path, p); err != nil {
		b.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	a := &agent{b: b, cmd: exec.Command(self)}
	a.cmd.Env = append(os.Environ(), planEnv+"="+path)
	a.cmd.Stderr = &a.stderr
	if a.stdout, err = a.cmd.StdoutPipe(); err != nil {
		b.t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	if line, err := bufio.NewReader(a.stdout).ReadString('\n'); err != nil || line != "ready\n" {
		b.t.Fatalf("agent said %q, %v; %s", line, err, a.stderr.String())
	}
	return a
}

// kill kills the agent process; the tasks are none of its business.
func (a *agent) kill() {
	a.b.t.Helper()
	if err := a.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		a.b.t.Fatal(err)
	}
	if err := a.cmd.Wait(); err != nil && a.cmd.ProcessState.Exited() {
		a.b.t.Fatalf("agent failed before it was killed: %v: %s", err, a.stderr.String())
	}
}

// finish waits until the agent process has done its plan.
func (a *agent) finish() {
	a.b.t.Helper()
	defer context.AfterFunc(a.b.ctx, func() { _ = a.cmd.Process.Kill() })()
	if err := a.cmd.Wait(); err != nil {
		a.b.t.Fatalf("agent: %v: %s", err, a.stderr.String())
	}
}

func (b *bench) handleOf(task driver.Task) driver.Handle {
	b.t.Helper()
	var h driver.Handle
	b.await("the handle", func() bool { return load(note(task, "handle"), &h) == nil })
	b.t.Cleanup(func() {
		if err := b.driver.Destroy(context.Background(), h); err != nil {
			b.t.Errorf("destroy: %v", err)
		}
	})
	return h
}

func checkRecoverRunning(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell(`echo $$; while [ ! -e go ]; do sleep 0.01; done; echo went on; exit 9`))
	a := b.agent(plan{Tasks: []driver.Task{task}})
	h := b.handleOf(task)
	a.kill()
	if err := b.driver.Recover(b.ctx, h); err != nil {
		t.Fatalf("recover: %v", err)
	}
	if !alive(fmt.Sprint(h.PID)) {
		t.Fatal("the task did not outlive its agent")
	}
	inside := insidePID(fmt.Sprint(h.PID))
	if err := os.WriteFile(filepath.Join(task.Dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if result := b.wait(h); result.ExitCode != 9 {
		t.Errorf("result %+v", result)
	}
	if got, want := b.output(task.Stdout), inside+"\nwent on\n"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
}

func checkRecoverEnded(t *testing.T, b *bench) {
	task := b.task(b.subject.Shell(`while [ ! -e go ]; do sleep 0.01; done; exit 9`))
	a := b.agent(plan{Tasks: []driver.Task{task}})
	h := b.handleOf(task)
	a.kill()
	if err := os.WriteFile(filepath.Join(task.Dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.await("the task's end", func() bool { return !alive(fmt.Sprint(h.PID)) })
	if err := b.driver.Recover(b.ctx, h); err != nil {
		t.Fatalf("recover: %v", err)
	}
	if result := b.wait(h); result.ExitCode != 9 || result.Signal != 0 {
		t.Errorf("result %+v", result)
	}
}

func checkKilledAgents(t *testing.T, b *bench) {
	kills, each, latest := 60, 4, 60*time.Millisecond
	if b.subject.Costly {
		kills, each, latest = 6, 2, 2*time.Second
	}
	const earliest = 100 * time.Microsecond
	var all []driver.Task
	for range kills {
		for range each {
			script := fmt.Sprintf("echo $$ >> runs; (setsid sleep 1000 &) ; sleep 0.0%d; exit %d", rand.IntN(10), len(all)%100)
			all = append(all, b.task(b.subject.Shell(script)))
		}
		a := b.agent(plan{Tasks: all[max(0, len(all)-5*each):]})
		// From before the first start to after the last end, most often amid the starts.
		moment := time.Duration(math.Exp(rand.Float64()*math.Log(float64(latest/earliest))) * float64(earliest))
		<-time.After(moment)
		a.kill()
	}
	b.agent(plan{Tasks: all}).finish()
	for i, task := range all {
		checkLived(t, i, task)
	}
}

// checkLived checks that task i, whose exit code is i%100, ran once and left nothing.
func checkLived(t *testing.T, i int, task driver.Task) {
	t.Helper()
	var result driver.ExitResult
	if err := load(note(task, "result"), &result); err != nil {
		t.Errorf("task %d: %v", i, err)
	}
	if result.ExitCode != i%100 || result.Signal != 0 || result.Err != "" {
		t.Errorf("task %d: %+v", i, result)
	}
	runs, err := os.ReadFile(filepath.Join(task.Dir, "runs"))
	if n := len(strings.Fields(string(runs))); err != nil || n != 1 {
		t.Errorf("task %d ran %d times, %v", i, n, err)
	}
	if left := carriers(t, task.AllocID); len(left) > 0 {
		t.Errorf("task %d: processes %v live on", i, left)
	}
	if _, err := os.Stat(task.StateDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("task %d: state directory: %v", i, err)
	}
}
