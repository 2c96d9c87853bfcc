package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

// hello returns the hello job on a port that is free.
func hello(t *testing.T, edit func(string) string) string {
	t.Helper()
	src, err := os.ReadFile("testdata/hello.nomad.hcl")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(src), "5678", cluster.FreePorts(t, 1)[0])
	if edit != nil {
		text = edit(text)
	}
	path := filepath.Join(t.TempDir(), "hello.nomad.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheFirstHourOnOneMachine(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	contains(t, a.Must(0, "version"), "drover ")
	contains(t, a.Must(0, "job", "status"), "No running jobs")

	file := hello(t, nil)
	plan := a.Must(1, "job", "plan", file)
	contains(t, plan, `+ Job: "hello"`, `+ Task Group: "example" (1 create)`, `+ Task: "server" (forces create)`,
		"- All tasks successfully allocated.", "Job Modify Index: 0", "-check-index 0")

	run := a.Must(0, "job", "run", file)
	contains(t, run, "Monitoring evaluation", `Evaluation triggered by job "hello"`, "Evaluation within deployment",
		`group "example"`, `finished with status "complete"`, "Monitoring deployment", "Deployment completed successfully")
	contains(t, a.Must(0, "job", "status"), "ID     Type     Priority  Status   Submit Date", "hello  service  50        running")
	status := a.Must(0, "job", "status", "hello")
	contains(t, status, "Summary", "example     0       0         1        0       0         0     0",
		"Latest Deployment", "successful", "Allocations", "running")

	alloc := a.Allocs(t.Context(), "hello")[0].ID
	contains(t, a.Must(0, "alloc", "status", alloc[:8]), "Client Status       = running", "Allocation Addresses", "*http",
		`Task "server" is "running"`, "Task started by client", "Deployment Health   = healthy")
	contains(t, a.Must(0, "alloc", "logs", alloc), "Serving HTTP on")

	resp, err := http.Get("http://" + address(t, a, alloc))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("GET: %d, %v\n%s", resp.StatusCode, err, body)
	}

	changed := filepath.Join(t.TempDir(), "hello.nomad.hcl")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(changed, []byte(strings.Replace(string(src), "cpu    = 100", "cpu    = 120", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, a.Must(1, "job", "plan", changed), `+/- Job: "hello"`, `"100" => "120"`, "forces create/destroy update")
	contains(t, a.Must(1, "job", "run", "-check-index", "1", changed), "Enforcing job modify index 1", "Job not updated")
	contains(t, a.Must(0, "apply", changed), `"100" => "120"`, "1/1 healthy")
	contains(t, a.Must(0, "apply", changed), "is unchanged")

	a.Must(0, "job", "stop", "hello")
	contains(t, a.Must(0, "job", "status", "hello"), "dead (stopped)")
	a.Await("the task to end", func(context.Context) bool { return len(a.Processes()) == 0 })
	a.AwaitSummary("hello", "told to have ended", func(g api.TaskGroupSummary) bool { return g.Running == 0 })
	a.Must(0, "system", "gc")
	contains(t, a.Must(0, "job", "status"), "No running jobs")
}

// address is where an allocation's first port can be reached.
func address(t *testing.T, a *cluster.Agent, alloc string) string {
	t.Helper()
	var got api.Allocation
	if err := json.Unmarshal([]byte(a.Must(0, "alloc", "status", "-json", alloc)), &got); err != nil {
		t.Fatal(err)
	}
	p := got.AllocatedResources.Shared.Ports[0]
	return fmt.Sprintf("%s:%d", p.HostIP, p.Value)
}

func TestAPrestartTaskFeedsItsMainTask(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	contains(t, a.Must(0, "job", "run", "countdown.nomad.hcl"), `finished with status "complete"`)
	a.AwaitSummary("countdown", "complete", func(g api.TaskGroupSummary) bool { return g.Complete == 3 })
	var got []string
	for _, alloc := range a.Allocs(t.Context(), "countdown") {
		got = append(got, a.Must(0, "alloc", "logs", alloc.ID, "count"))
	}
	slices.Sort(got)
	for i, out := range got {
		if want := fmt.Sprintf("ready\nindex %d of countdown\n", i); out != want {
			t.Errorf("instance %d printed %q, want %q", i, out, want)
		}
	}
	contains(t, a.Must(1, "alloc", "logs", a.Allocs(t.Context(), "countdown")[0].ID), "* prepare", "* count", "Please specify the task.")
	contains(t, a.Must(0, "job", "status", "countdown"), "Status        = dead", "g           0       0         0        0       3         0     0")
}

func TestAFailingTaskIsRestartedThenReplacedThenGivenUp(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	contains(t, a.Must(1, "apply", "flaky.nomad.hcl"), "Exit Code: 3")
	contains(t, a.Must(0, "job", "status", "flaky"), "Status        = dead", "g           0       0         0        2       0         0     0")
	allocs := a.Allocs(t.Context(), "flaky")
	if len(allocs) != 2 {
		t.Fatalf("%d allocations, want the first and its replacement", len(allocs))
	}
	for _, alloc := range allocs {
		if s := alloc.TaskStates["boom"]; s.Restarts != 1 || !s.Failed {
			t.Errorf("allocation %s: %d restarts, failed %t", alloc.ID, s.Restarts, s.Failed)
		}
		contains(t, a.Must(0, "alloc", "logs", "-stderr", alloc.ID), "oops\noops\n")
	}
}

func TestAnUnplaceableJobSaysWhyConstraintByConstraint(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	const why = `* Constraint "${attr.kernel.name} = windows": 1 nodes excluded by filter`
	contains(t, a.Must(1, "job", "plan", "unplaceable.nomad.hcl"), "WARNING: Failed to place all allocations", "failed to place 2 allocations", why)
	contains(t, a.Must(2, "job", "run", "unplaceable.nomad.hcl"), why, "waiting for additional capacity")
	contains(t, a.Must(0, "job", "status", "unplaceable"), "Placement Failure", why, "g           2       0")
	contains(t, a.Must(2, "apply", "unplaceable.nomad.hcl"), why)
}

func TestASystemJobRunsOnTheNode(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "-detach", "everywhere.nomad.hcl")
	a.AwaitSummary("everywhere", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	contains(t, a.Must(0, "node", "status"), "node-1", "eligible", "ready")
	contains(t, a.Must(0, "job", "status", "everywhere"), "Type          = system")
}

func TestAStoppedAllocationIsReplaced(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "-detach", hello(t, nil))
	a.AwaitSummary("hello", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	first := a.Allocs(t.Context(), "hello")[0].ID
	a.Must(0, "alloc", "stop", first)
	a.Await("a replacement", func(ctx context.Context) bool {
		return slices.ContainsFunc(a.Allocs(ctx, "hello"), func(s *api.AllocationListStub) bool {
			return s.ID != first && s.ClientStatus == api.AllocClientRunning
		})
	})
}
