package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// Patience bounds every wait for what takes seconds at most on an idle machine.
const Patience = 2 * time.Minute

// Role is what an agent is started as.
type Role string

// The roles of agents.
const (
	ServerAndNode Role = ""
	Server        Role = "server"
	Node          Role = "node"
)

// Options describe an agent.
type Options struct {
	Role   Role
	Name   string // of the node; default: node-1
	Dir    string // for its data, configuration and log; default: a temporary one
	Server *Agent // of a Node: the server that it talks to
	Place  *Place // where it runs, with its command line; default: beside the test
	Config string // further configuration, in HCL
	Args   []string
	Files  int // how many files it may have open; 0: as many as the test
}

// Place is a machine, or what passes for one, of which the test knows how to get there.
type Place struct {
	Address string                     // its IP address
	Enter   func(f func() error) error // calls f there: what sockets and processes that makes are there
}

// beside is where the test itself is.
var beside = &Place{Address: "127.0.0.1", Enter: func(f func() error) error { return f() }}

// Agent is a drover process with its own data and ports. It is not safe for
// concurrent use, except for what only reads: Client, Drover, Processes.
type Agent struct {
	Dir    string
	Client *client.Client // of the agent or, for a Node, of its server
	Cmd    *exec.Cmd      // nil while it does not run
	Ports  struct{ HTTP, Session, Raft string }

	t     testing.TB
	o     Options
	ports int // the first port of its range
}

// Start starts an agent and waits until its role is fulfilled: a server answers, a
// node is ready. Its jobs are stopped and its data removed at the test's end.
func Start(t testing.TB, o Options) *Agent {
	t.Helper()
	if o.Name == "" {
		o.Name = "node-1"
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Place == nil {
		o.Place = beside
	}
	a := &Agent{t: t, o: o, Dir: o.Dir}
	a.ports = claimPorts(t)
	for n, port := range []*string{&a.Ports.HTTP, &a.Ports.Session, &a.Ports.Raft} {
		*port = strconv.Itoa(a.ports + 1 + n)
	}
	if o.Server != nil {
		a.Client = o.Server.Client
	} else {
		a.Client = a.newClient()
	}
	t.Cleanup(a.explain)
	t.Cleanup(a.sweep)
	t.Cleanup(a.end)
	a.Start()
	return a
}

// newClient returns a client that reaches the agent from the test.
func (a *Agent) newClient() *client.Client {
	a.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		var d net.Dialer
		err = a.o.Place.Enter(func() (err error) {
			conn, err = d.DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}}
	a.t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New(client.Config{
		Address: "http://" + a.o.Place.Address + ":" + a.Ports.HTTP, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// Ports that belong to no agent are taken from below those of agents, and those that the
// kernel gives to connections.
const (
	firstPort = 10000
	lastPort  = 19999
)

// FreePorts finds TCP ports that nobody listens on.
func FreePorts(t testing.TB, n int) []string {
	t.Helper()
	var ports []string
	for range 100 * n {
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort+1))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue // taken
		}
		defer l.Close() // all are held until all are found
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("no %d free ports between %d and %d", n, firstPort, lastPort)
	return nil
}

// An agent and its tasks have ports of a range of their own: agents of tests that run side
// by side would give the same ones to their tasks, or take that of one which is just being
// started again. The first is the claim to the others, the next three are the agent's.
const (
	firstAgentPort = 20000
	lastAgentPort  = 31999
	portsEach      = 100
	ownPorts       = 4
)

// claimPorts finds a range that no other agent on this machine has, and returns its first
// port. That is held for as long as the test runs, so that others see it.
func claimPorts(t testing.TB) int {
	t.Helper()
	const ranges = (lastAgentPort - firstAgentPort + 1) / portsEach
	start := rand.IntN(ranges)
	for n := range ranges {
		first := firstAgentPort + (start+n)%ranges*portsEach
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first))
		if err != nil {
			continue // taken
		}
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Errorf("give back the port %d: %v", first, err)
			}
		})
		return first
	}
	t.Fatal("no range of ports is free for an agent and its tasks")
	return 0
}

// Start starts the process and waits until its role is fulfilled.
func (a *Agent) Start() {
	a.t.Helper()
	a.Launch()
	a.AwaitReady()
}

// Launch starts the process.
func (a *Agent) Launch() {
	a.t.Helper()
	log, err := os.OpenFile(a.logPath(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		a.t.Fatal(err)
	}
	defer log.Close() // the process has it
	a.Cmd = exec.Command(Binary(), a.arguments()...)
	if a.o.Files != 0 {
		a.Cmd = exec.Command("prlimit", append([]string{fmt.Sprintf("--nofile=%d", a.o.Files), Binary()}, a.arguments()...)...)
	}
	a.Cmd.Stdout, a.Cmd.Stderr = log, log
	if err := a.o.Place.Enter(a.Cmd.Start); err != nil {
		a.Cmd = nil
		a.t.Fatal(err)
	}
}

func (a *Agent) arguments() []string {
	args := []string{
		"agent", "-bind", a.o.Place.Address, "-network-interface", "lo", "-node", a.o.Name,
		"-data-dir", filepath.Join(a.Dir, "data"), "-config", a.config(), "-http-port", a.Ports.HTTP,
	}
	if a.o.Role != Node {
		args = append(args, "-server", "-rpc-port", a.Ports.Session, "-raft-port", a.Ports.Raft)
	}
	if a.o.Role != Server {
		args = append(args, "-client")
	}
	if a.o.Server != nil {
		args = append(args, "-servers", a.o.Server.o.Place.Address+":"+a.o.Server.Ports.Session)
	}
	return append(args, a.o.Args...)
}

// config writes an agent file that switches raw_exec on.
func (a *Agent) config() string {
	path := filepath.Join(a.Dir, "agent.hcl")
	text := "plugin \"raw_exec\" {\nconfig {\nenabled = true\n}\n}\n" + a.o.Config + "\n"
	text += fmt.Sprintf("client {\nmin_dynamic_port = %d\nmax_dynamic_port = %d\n}\n", a.ports+ownPorts, a.ports+portsEach-1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// AwaitReady waits until a server answers, and a node is ready.
func (a *Agent) AwaitReady() {
	a.t.Helper()
	if a.o.Role == Server {
		a.Await("the server to answer", func(ctx context.Context) bool {
			_, _, err := a.Client.Nodes.List(ctx, false, client.Query{})
			return err == nil
		})
		return
	}
	a.AwaitNode(api.NodeReady)
}

// AwaitNode waits until the agent's node has a status.
func (a *Agent) AwaitNode(status string) {
	a.t.Helper()
	a.Await("node "+a.o.Name+" to be "+status, func(ctx context.Context) bool {
		nodes, _, err := a.Client.Nodes.List(ctx, false, client.Query{})
		if err != nil {
			return false
		}
		for _, n := range nodes {
			if n.Name == a.o.Name {
				return n.Status == status
			}
		}
		return false
	})
}

// Kill ends the process with SIGKILL. What it runs runs on.
func (a *Agent) Kill() {
	a.t.Helper()
	if err := a.Cmd.Process.Kill(); err != nil {
		a.t.Fatal(err)
	}
	a.wait()
}

// Interrupt ends the process in order. What it runs runs on.
func (a *Agent) Interrupt() {
	if err := a.Cmd.Process.Signal(os.Interrupt); err != nil {
		a.t.Errorf("interrupt agent: %v", err)
	}
	a.wait()
}

func (a *Agent) wait() {
	var exit *exec.ExitError
	if err := a.Cmd.Wait(); err != nil && !errors.As(err, &exit) {
		a.t.Errorf("wait for agent: %v", err)
	}
	a.Cmd = nil
}

// end stops every job, awaits the end of the agent's tasks, then ends the agent.
func (a *Agent) end() {
	if a.Cmd == nil {
		a.Start()
	}
	defer a.Interrupt()
	// An agent that ends lets go of its tasks, also of those that it is about to start. That
	// there are no processes now does not say that there will be none.
	a.Await("all tasks to end", func(ctx context.Context) bool {
		return a.stopJobs(ctx) && a.allocsEnded(ctx) && len(a.Processes())+len(a.Shims()) == 0
	})
}

// stopJobs stops every job that is not, and reports whether there was none: only then
// is nothing placed any more, for jobs launch others until they are stopped.
func (a *Agent) stopJobs(ctx context.Context) bool {
	jobs, _, err := a.Client.Jobs.List(ctx, client.Query{Namespace: "*"})
	if err != nil {
		a.t.Logf("list jobs: %v", err)
		return false
	}
	stopped := true
	for _, j := range jobs {
		if j.Stop {
			continue
		}
		stopped = false
		if _, err := a.Client.Jobs.Stop(ctx, j.ID, false, client.Query{Namespace: j.Namespace}); err != nil {
			a.t.Logf("stop job %s: %v", j.ID, err)
		}
	}
	return stopped
}

// sweep kills what is left of the agent's tasks, because it could not be ended in
// order.
func (a *Agent) sweep() {
	if a.Cmd != nil {
		a.Kill()
	}
	a.unmount()
	tasks, shims := a.scan()
	for _, pid := range append(shims, tasks...) {
		a.t.Errorf("process %d of agent %s was left: %s", pid, a.o.Name, commandLine(pid))
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			a.t.Logf("kill %d: %v", pid, err)
		}
	}
}

// unmount lets go of what the agent, which may have been killed, has left mounted: the
// secrets of tasks.
func (a *Agent) unmount() {
	left, err := filepath.Glob(filepath.Join(a.Dir, "*/client/alloc/*/*/secrets"))
	if err != nil {
		a.t.Error(err)
	}
	for _, path := range left {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EPERM) {
			a.t.Errorf("unmount %s: %v", path, err)
		}
	}
}

// explain prints the agent's log if the test failed, be it in what end and sweep found.
func (a *Agent) explain() {
	if a.t.Failed() {
		a.t.Logf("the log of agent %s:\n%s", a.o.Name, a.Log())
	}
}

func (a *Agent) logPath() string { return filepath.Join(a.Dir, "agent.log") }

// Log is what the agent printed, through all its lives.
func (a *Agent) Log() string {
	b, err := os.ReadFile(a.logPath())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Await polls a condition of the outside world until it holds.
func (a *Agent) Await(what string, cond func(ctx context.Context) bool) {
	a.t.Helper()
	if !Poll(context.Background(), Patience, cond) {
		a.t.Fatalf("waited in vain for %s; the agent's log:\n%s", what, a.Log())
	}
}

// Poll polls a condition of the outside world until it holds, at most for as long as
// patience, and reports whether it does.
func Poll(ctx context.Context, patience time.Duration, cond func(ctx context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond(ctx) {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// Drover runs the command line in the folder testdata and returns what it printed
// and its exit code.
func (a *Agent) Drover(args ...string) (string, int) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(), args...)
	if info, err := os.Stat("testdata"); err == nil && info.IsDir() {
		cmd.Dir = "testdata"
	}
	cmd.Env = append(os.Environ(), "DROVER_ADDR="+a.Client.Address(), "TZ=UTC")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := a.o.Place.Enter(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatalf("drover %v: %v", args, err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// Must runs the command line and expects an exit code.
func (a *Agent) Must(code int, args ...string) string {
	a.t.Helper()
	out, got := a.Drover(args...)
	if got != code {
		a.t.Fatalf("drover %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}
