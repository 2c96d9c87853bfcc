package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

// linked makes a folder for an agent whose data is reached through a link, and
// returns the link.
func linked(t *testing.T) (dir, link string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	link = filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "data"), link); err != nil {
		t.Fatal(err)
	}
	return dir, link
}

func TestANodeFindsItsServerAgainWhenThatWasKilled(t *testing.T) {
	t.Parallel()
	server := cluster.Start(t, cluster.Options{Role: cluster.Server})
	dir, link := linked(t)
	node := cluster.Start(t, cluster.Options{
		Role: cluster.Node, Server: server, Dir: dir, Args: []string{"-servers", "127.0.0.1:1", "-data-dir", link},
	})
	server.Must(0, "apply", "countdown.nomad.hcl")
	id := server.Allocs(t.Context(), "countdown")[0].ID
	contains(t, server.Must(0, "alloc", "logs", id, "count"), "ready\n")

	server.Kill()
	server.Start()
	node.AwaitNode(api.NodeReady)
	server.Await("logs through the new session", func(context.Context) bool {
		out, code := server.Drover("alloc", "logs", id, "count")
		return code == 0 && strings.Contains(out, "ready\n")
	})
}

func TestAnAgentIgnoresHangupAndEndsInOrder(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	if err := a.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	a.Await("the agent to say that it does not reload", func(context.Context) bool {
		return strings.Contains(a.Log(), "configuration is not reloaded")
	})
	contains(t, a.Must(0, "node", "status"), "ready")
	if err := a.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	state, err := a.Cmd.Process.Wait()
	if err != nil || state.ExitCode() != 0 {
		t.Errorf("exit code %d, %v", state.ExitCode(), err)
	}
	a.Cmd = nil
	contains(t, a.Log(), "agent stopping", "agent ended")
}

func TestAnAgentSaysWhichPortIsTaken(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	ports := cluster.FreePorts(t, 3)
	for _, test := range []struct{ http, rpc, want string }{
		{a.Ports.HTTP, ports[1], "listen for http: listen tcp 127.0.0.1:" + a.Ports.HTTP},
		{ports[0], a.Ports.Session, "listen for rpc: listen tcp 127.0.0.1:" + a.Ports.Session},
	} {
		out := a.Must(1, "agent", "-server", "-client", "-bind", "127.0.0.1", "-data-dir", t.TempDir(),
			"-http-port", test.http, "-rpc-port", test.rpc, "-raft-port", ports[2])
		contains(t, out, test.want, "already in use", "another agent?", "choose another port")
	}
}

func TestTheClusterCanBeAskedForInOtherForms(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "-detach", "everywhere.nomad.hcl")
	a.AwaitSummary("everywhere", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	for _, test := range []struct{ args, want string }{
		{"node status -json", `"Name": "node-1"`},
		{"node status -t {{(index|.|0).Name}}", "node-1\n"},
		{"job status -t {{.ID}}|{{.Type}} everywhere", "everywhere system\n"},
		{"job inspect -json everywhere", `"Job": {`},
		{"job inspect -hcl everywhere", `job "everywhere" {`},
		{"eval list -json", `"TriggeredBy": "job-register"`},
		{"deployment list -json", `"JobID": "everywhere"`},
		{"alloc status -json", `"JobID": "everywhere"`},
		{"server members -json", `"Status": "alive"`},
		{"server members -verbose", "role "},
		{"node eligibility -enable -self", "eligible for scheduling"},
		{`node status -filter Name|==|"node-1"`, "node-1"},
		{`node status -filter Name|==|"node-2"`, "No nodes found"},
		{`deployment list -filter Status|==|"failed"`, "No deployments found"},
		{`eval list -filter JobID|==|"other"`, "No evals found"},
	} {
		args := strings.Fields(test.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "|", " ")
		}
		contains(t, a.Must(0, args...), test.want)
	}
	contains(t, a.Must(1, "job", "status", "-t", "{{.Nope}}", "everywhere"), "the template does not fit")
	a.Must(0, "job", "stop", "-y", "-detach", "every")
}
