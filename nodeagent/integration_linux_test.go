package nodeagent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent"
	"github.com/droverhq/drover/nodeagent/artifact"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/session"
	"github.com/droverhq/drover/shim"
)

// patience bounds what should take milliseconds.
const patience = 60 * time.Second

// agentEnv makes the test's program play a node agent.
const agentEnv = "DROVER_TEST_AGENT"

type agentPlan struct{ DataDir, Server string }

// playOther makes the process a shim, a fetcher or a node agent if it was started as one. Then it
// does not return.
func playOther() {
	switch filepath.Base(os.Args[0]) {
	case shim.Name:
		shim.Main()
		os.Exit(0)
	case artifact.Name:
		artifact.Main()
	}
	if text := os.Getenv(agentEnv); text != "" {
		if err := playAgent(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func playAgent(text string) error {
	var p agentPlan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	a, err := nodeagent.New(realOptions(p.DataDir, p.Server))
	if err != nil {
		return err
	}
	return a.Start(context.Background())
}

func realOptions(dataDir, server string) nodeagent.Options {
	o := nodeagent.Options{
		DataDir: dataDir, Servers: []string{server},
		Drivers: []driver.Driver{rawexec.New(rawexec.Options{Plugin: rawexec.Plugin{Enabled: true}})},
		DenyEnv: []string{agentEnv},
	}
	o.Fingerprint.NetworkInterface = "lo"
	return o
}

// serveTCP lets the cluster take sessions over TCP until the test ends.
func (c *cluster) serveTCP(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			conn, err := session.Accept(ctx, raw, session.DefaultTimeout)
			if err == nil {
				c.hold(ctx, conn)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// hold serves one session to its end.
func (c *cluster) hold(ctx context.Context, conn *session.Conn) {
	ln := newLine()
	c.set(func(c *cluster) { c.line, c.sent, c.conn = ln, map[api.Key]bool{}, conn })
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		for {
			f, err := ln.take(ctx, ln.answers)
			if err != nil || conn.Send(ctx, f) != nil {
				conn.Close()
				return
			}
		}
	}()
	for {
		f, err := conn.Recv(ctx)
		if err != nil {
			break
		}
		c.answer(ln, f)
	}
	ln.cut()
	conn.Close()
	<-spoken
}

// await waits until the condition holds; it is looked at whenever something is reported.
func (c *cluster) await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer context.AfterFunc(ctx, c.changed.Broadcast)()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !cond() {
		if ctx.Err() != nil {
			t.Fatalf("waited in vain for %s", what)
		}
		c.changed.Wait()
	}
}

func (c *cluster) awaitStatus(t testing.TB, id, want string) *api.AllocationStatus {
	t.Helper()
	c.await(t, "allocation "+id+" to be "+want, func() bool {
		s := c.statuses[id]
		return s != nil && s.ClientStatus == want
	})
	return c.status(id)
}

// shell returns a job whose task runs a script and is not restarted.
func shell(kind, script string) *api.Job {
	j := job(kind, map[string]api.Values{"t": {"command": "/bin/sh", "args": []any{"-c", script}}})
	j.TaskGroups[0].Tasks[0].Driver = "raw_exec"
	j.TaskGroups[0].RestartPolicy.Attempts = new(0)
	return j
}

func TestARealTaskSeesWhatJobsRelyOn(t *testing.T) {
	c := newCluster(t)
	a := start(t, realOptions(t.TempDir(), c.serveTCP(t)))
	defer a.stop(t)
	<-a.Ready()
	j := shell(api.JobTypeBatch, `
		echo hello > "$NOMAD_TASK_DIR/greeting"
		cat local/greeting; pwd | sed "s|.*/alloc/||"
		echo "$NOMAD_JOB_NAME $NOMAD_ALLOC_INDEX ${NOMAD_META_who} $FROM"; echo to stderr >&2; exit 4`)
	j.TaskGroups[0].Tasks[0].Meta = map[string]string{"who": "me"}
	j.TaskGroups[0].Tasks[0].Env = map[string]string{"FROM": "${attr.kernel.name}"}
	id := c.run(j)
	s := c.awaitStatus(t, id, api.AllocClientFailed)
	var code int
	for _, e := range s.TaskStates["t"].Events {
		code += e.ExitCode
	}
	if code != 4 {
		t.Errorf("reported %s", describe(s))
	}
	want := fmt.Sprintf("hello\n%s/t\n%s 0 me linux\n", id, *j.Name)
	if got := c.ask(t, "/v1/client/fs/logs/"+id+"?task=t&type=stdout&plain=true"); got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	if got := c.ask(t, "/v1/client/fs/cat/"+id+"?path=alloc/logs/t.stderr.0"); got != "to stderr\n" {
		t.Errorf("errors %q", got)
	}
	if got := c.ask(t, "/v1/client/fs/ls/"+id+"?path=/"); !strings.Contains(got, `"drwxrwxrwx"`) {
		t.Errorf("listing %s", got)
	}
}

// ask sends a request to the node over its session.
func (c *cluster) ask(t *testing.T, path string) string {
	t.Helper()
	var conn *session.Conn
	c.set(func(c *cluster) { conn = c.conn })
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return conn.OpenStream(ctx) },
	}}
	r, err := client.Get("http://node" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s, %v", path, r.Status, b, err)
	}
	return string(b)
}

// agentProcess is a node agent in a process of its own.
type agentProcess struct {
	cmd *exec.Cmd
	err *os.File
}

func startProcess(t *testing.T, p agentPlan, log string) *agentProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	a := &agentProcess{cmd: exec.Command(self), err: f}
	a.cmd.Env = append(os.Environ(), agentEnv+"="+string(text))
	a.cmd.Stderr = f
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

// kill kills the process as kill -9 does.
func (a *agentProcess) kill(t *testing.T) {
	t.Helper()
	if err := a.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	err := a.cmd.Wait()
	if a.cmd.ProcessState.Exited() {
		out, _ := os.ReadFile(a.err.Name())
		t.Fatalf("the agent ended before it was killed: %v: %s", err, out)
	}
	if err := a.err.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestKillingAgentsLosesAndDoublesNothing kills node agents at random moments while
// allocations come, run and end. In the end each batch task ran exactly once and is
// reported with its exit code, each service runs exactly once, and nothing is left
// over when all is stopped.
func TestKillingAgentsLosesAndDoublesNothing(t *testing.T) {
	kills, each := 25, 4
	if testing.Short() {
		kills = 8
	}
	c := newCluster(t)
	plan := agentPlan{DataDir: t.TempDir(), Server: c.serveTCP(t)}
	forgetSecrets(t, filepath.Join(plan.DataDir, "client/alloc"))
	runs := t.TempDir()
	log := filepath.Join(t.TempDir(), "log")
	codes, services := map[string]int{}, map[string]bool{}
	t.Cleanup(func() { // also when it has failed
		for id := range services {
			if path := filepath.Join(runs, id); exists(t, path) {
				for _, pid := range pidsIn(t, path) {
					_ = syscall.Kill(pid, syscall.SIGKILL) // it has ended if all went well
				}
			}
		}
	})
	var agent *agentProcess
	for n := range kills {
		agent = startProcess(t, plan, log)
		for i := range each {
			code := (n*each + i) % 200
			script := fmt.Sprintf(`echo $$ >> %s/$NOMAD_ALLOC_ID; sleep 0.%02d; exit %d`, runs, rand.IntN(20), code)
			codes[c.run(shell(api.JobTypeBatch, script))] = code
		}
		if n%5 == 0 {
			services[c.run(shell(api.JobTypeService, fmt.Sprintf(`echo $$ >> %s/$NOMAD_ALLOC_ID; exec sleep 1000`, runs)))] = true
		}
		hellos := c.helloCount()
		if n%3 != 0 { // else it dies before it is connected, or as it is
			c.await(t, "an agent to connect", func() bool { return len(c.hellos) > hellos })
		}
		<-time.After(rand.N(150 * time.Millisecond))
		if n < kills-1 {
			agent.kill(t)
		}
	}
	for id, code := range codes {
		checkBatch(t, c, id, code, filepath.Join(runs, id))
	}
	for id := range services {
		c.awaitStatus(t, id, api.AllocClientRunning)
		if pids := pidsIn(t, filepath.Join(runs, id)); len(pids) != 1 || syscall.Kill(pids[0], 0) != nil {
			t.Errorf("service %s was started as %v, and one should be alive", id, pids)
		}
		c.stop(id)
	}
	for id := range services {
		c.awaitStatus(t, id, api.AllocClientComplete)
		if pids := pidsIn(t, filepath.Join(runs, id)); syscall.Kill(pids[0], 0) == nil {
			t.Errorf("service %s is complete and process %d lives", id, pids[0])
		}
	}
	agent.kill(t)
}

func (c *cluster) helloCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.hellos)
}

func checkBatch(t *testing.T, c *cluster, id string, code int, runs string) {
	t.Helper()
	want := api.AllocClientComplete
	if code != 0 {
		want = api.AllocClientFailed
	}
	s := c.awaitStatus(t, id, want)
	reported := -1
	for _, e := range s.TaskStates["t"].Events {
		if e.Type == api.EventTerminated {
			reported = e.ExitCode
		}
	}
	if reported != code {
		t.Errorf("task ended with %d, reported %s", code, describe(s))
	}
	if pids := pidsIn(t, runs); len(pids) != 1 {
		t.Errorf("task ran as %v", pids)
	}
}

func pidsIn(t *testing.T, path string) []int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for word := range strings.FieldsSeq(string(b)) {
		var pid int
		if _, err := fmt.Sscan(word, &pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}
