package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// patience bounds the wait for anything that takes seconds at most on an idle
// machine.
const patience = 2 * time.Minute

// bin is the folder of the binaries: DROVER_BIN, or one that they are built into.
var bin string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if bin = os.Getenv("DROVER_BIN"); bin != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "drover-bin-*")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	bin = dir
	for _, name := range []string{"drover", "drover-shim"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "github.com/droverhq/drover/cmd/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return m.Run(), nil
}

// agent is a drover process with its own data and ports.
type agent struct {
	t      *testing.T
	dir    string
	args   []string
	ports  []string
	cmd    *exec.Cmd
	log    *bytes.Buffer
	client *client.Client
}

// newAgent starts an agent that is server and node, and waits until the node is
// ready. Its tasks are stopped and its data removed at the test's end.
func newAgent(t *testing.T, args ...string) *agent {
	t.Helper()
	a := &agent{t: t, dir: t.TempDir(), args: args, ports: freePorts(t, 3)}
	var err error
	a.client, err = client.New(client.Config{Address: "http://127.0.0.1:" + a.ports[0]})
	if err != nil {
		t.Fatal(err)
	}
	a.start()
	t.Cleanup(a.end)
	return a
}

func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all are held until all are found
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports
}

// start starts the process and waits until its node is ready.
func (a *agent) start() {
	a.t.Helper()
	args := append([]string{
		"agent", "-server", "-client", "-bind", "127.0.0.1", "-network-interface", "lo", "-node", "node-1",
		"-data-dir", filepath.Join(a.dir, "data"), "-config", a.config(),
		"-http-port", a.ports[0], "-rpc-port", a.ports[1], "-raft-port", a.ports[2],
	}, a.args...)
	a.log = new(bytes.Buffer)
	a.cmd = exec.Command(filepath.Join(bin, "drover"), args...)
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.await("the node to be ready", func(ctx context.Context) bool {
		nodes, _, err := a.client.Nodes.List(ctx, false, client.Query{})
		return err == nil && len(nodes) == 1 && nodes[0].Status == api.NodeReady
	})
}

// config writes an agent file that switches raw_exec on.
func (a *agent) config() string {
	path := filepath.Join(a.dir, "agent.hcl")
	text := `plugin "raw_exec" { config { enabled = true } }`
	text = strings.NewReplacer("{ ", "{\n", " }", "\n}").Replace(text)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// kill ends the process with SIGKILL.
func (a *agent) kill() {
	a.t.Helper()
	if err := a.cmd.Process.Kill(); err != nil {
		a.t.Fatal(err)
	}
	a.wait()
}

func (a *agent) wait() {
	var exit *exec.ExitError
	if err := a.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		a.t.Errorf("wait for agent: %v", err)
	}
	a.cmd = nil
}

// end stops every job, then the agent, and prints the agent's log if the test
// failed.
func (a *agent) end() {
	if a.cmd == nil {
		a.start()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	jobs, _, err := a.client.Jobs.List(ctx, client.Query{Namespace: "*"})
	if err != nil {
		a.t.Errorf("list jobs: %v", err)
	}
	for _, j := range jobs {
		if _, err := a.client.Jobs.Stop(ctx, j.ID, false, client.Query{Namespace: j.Namespace}); err != nil {
			a.t.Errorf("stop job %s: %v", j.ID, err)
		}
	}
	a.await("all tasks to end", func(context.Context) bool { return len(a.processes()) == 0 })
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		a.t.Errorf("interrupt agent: %v", err)
	}
	a.wait()
	if a.t.Failed() {
		a.t.Logf("the agent's log:\n%s", a.log)
	}
}

// await polls a condition of the outside world until it holds.
func (a *agent) await(what string, cond func(ctx context.Context) bool) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond(ctx) {
		select {
		case <-ctx.Done():
			a.t.Fatalf("waited in vain for %s; the agent's log:\n%s", what, a.log)
		case <-tick.C:
		}
	}
}

// processes are the PIDs of the agent's tasks: processes that have their
// allocation's directory in their environment and are no shims.
func (a *agent) processes() []int {
	a.t.Helper()
	marker := []byte("NOMAD_ALLOC_DIR=" + a.dir)
	var pids []int
	procs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		a.t.Fatal(err)
	}
	for _, path := range procs {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, marker) {
			continue // ended meanwhile, or somebody else's
		}
		exe, err := os.Readlink(filepath.Join(filepath.Dir(path), "exe"))
		if err != nil || strings.Contains(filepath.Base(exe), "drover") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			a.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// drover runs the command line and returns what it printed and its exit code.
func (a *agent) drover(args ...string) (string, int) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "drover"), args...)
	cmd.Dir = "testdata"
	cmd.Env = append(os.Environ(), "DROVER_ADDR="+a.client.Address(), "TZ=UTC")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatalf("drover %v: %v", args, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// must runs the command line and expects an exit code.
func (a *agent) must(code int, args ...string) string {
	a.t.Helper()
	out, got := a.drover(args...)
	if got != code {
		a.t.Fatalf("drover %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// contains expects every one of the texts in what was printed.
func contains(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("missing %q in:\n%s", text, out)
		}
	}
}

// allocs are the allocations of a job, newest first.
func (a *agent) allocs(ctx context.Context, job string) []*api.AllocationListStub {
	allocs, _, err := a.client.Jobs.Allocations(ctx, job, false, client.Query{})
	if err != nil {
		a.t.Logf("allocations of %s: %v", job, err)
	}
	return allocs
}

// awaitSummary waits until the counts of a job's only group are as asked for.
func (a *agent) awaitSummary(job, what string, want func(api.TaskGroupSummary) bool) {
	a.t.Helper()
	a.await(job+" to be "+what, func(ctx context.Context) bool {
		s, _, err := a.client.Jobs.Summary(ctx, job, client.Query{})
		if err != nil {
			return false
		}
		for _, g := range s.Summary {
			return want(g)
		}
		return false
	})
}
