package outside_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/outside"
)

// agentEnv names, for a process that plays a node agent, the file with its part.
const agentEnv = "DROVER_TEST_OUTSIDE_AGENT"

// part is what such a process is to do: start a task, write its handle down, and wait
// to be killed.
type part struct {
	Program, RunDir, Handle string
	Task                    driver.Task
}

func playAgent(file string) error {
	var p part
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return err
	}
	d, err := outside.New(outside.Options{RunDir: p.RunDir, ShimPath: heldtest.ShimPath(), Log: logr.Discard()}, p.Program)
	if err != nil {
		return err
	}
	h, err := d.Start(context.Background(), p.Task)
	if err == nil {
		b, err = json.Marshal(h)
	}
	if err == nil {
		err = os.WriteFile(p.Handle, b, 0o600)
	}
	if err != nil {
		return err
	}
	fmt.Println("started")
	select {}
}

func TestAProgramEndsWithItsAgentAndTheNextFindsItsTasks(t *testing.T) {
	o := options(t, nil)
	task := heldtest.NewTask(t, "echo before; while [ ! -e go ]; do sleep 0.01; done; echo after; exit 7")
	p := part{Program: sample(t), RunDir: o.RunDir, Handle: filepath.Join(filepath.Dir(task.Dir), "handle"), Task: task}
	file := filepath.Join(filepath.Dir(task.Dir), "part")
	b, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	agent := exec.Command(os.Args[0])
	agent.Env = append(os.Environ(), agentEnv+"="+file)
	agent.Stderr = os.Stderr
	said, err := agent.StdoutPipe()
	if err == nil {
		err = agent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("agent said %q, %v", line, err)
	}
	programs := programsOf(t, agent.Process.Pid)
	if len(programs) != 1 {
		t.Fatalf("the agent has the programs %v", programs)
	}
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait() // it was killed
	awaitEnd(t, programs[0])

	d := newDriver(t)
	var h driver.Handle
	if b, err = os.ReadFile(p.Handle); err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	if found, err := d.Find(t.Context(), task); err != nil || found.TaskID != h.TaskID {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := d.Recover(heldtest.Context(t), h); err != nil {
		t.Fatalf("recover: %v", err)
	}
	if err := os.WriteFile(filepath.Join(task.Dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if result, err := d.Wait(heldtest.Context(t), h); err != nil || result.ExitCode != 7 {
		t.Errorf("result %+v, %v", result, err)
	}
	if b, err := os.ReadFile(filepath.Join(task.Stdout.Dir, task.Stdout.Prefix+".0")); err != nil || string(b) != "before\nafter\n" {
		t.Errorf("it said %q, %v", b, err)
	}
	if err := d.Destroy(heldtest.Context(t), h); err != nil {
		t.Error(err)
	}
}

// awaitEnd waits until there is no such process.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx := heldtest.Context(t); ; {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || len(b) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("process %d lives on", pid)
		}
	}
}
