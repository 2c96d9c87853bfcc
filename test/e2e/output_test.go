package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

var rewrite = flag.Bool("rewrite", false, "write what is printed to testdata/output instead of comparing it")

// figures are what differs from run to run, and what stands for it.
var figures = []struct {
	what *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "HASH"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\b(\d+(y|mo|d|h|m|s))+ ago`), "AGO"},
	{regexp.MustCompile(`\b[0-9a-f]{8}\b`), "ID"},
	{regexp.MustCompile(`\d+/\d+ MHz`), "N/N MHz"},
	{regexp.MustCompile(`[\d.]+ [KMGT]?i?B/([\d.]+ [KMGT]?i?B)`), "SIZE/SIZE"},
	{regexp.MustCompile(`[\d.]+ [KMGT]?i?B\b`), "SIZE"},
	{regexp.MustCompile(`Uptime +=.*`), "Uptime = UPTIME"},
	{regexp.MustCompile(`Driver Status +=.*\braw_exec\b.*`), "Driver Status = DRIVERS"},
	{regexp.MustCompile(`Job Modify Index: [1-9]\d*`), "Job Modify Index: INDEX"},
	{regexp.MustCompile(`(?m)^Modify Index +=.*`), "Modify Index = INDEX"},
	{regexp.MustCompile(`modify index, which is \d+`), "modify index, which is INDEX"},
	{regexp.MustCompile(`conflicting job modify index: \d+`), "conflicting job modify index: INDEX"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\S+/(\w+\.nomad\.hcl)`), "$1"},
	{regexp.MustCompile(` {2,}`), "  "},
	{regexp.MustCompile(`(?m) +$`), ""},
}

// normal replaces figures by names, and the padding of columns by two spaces.
func normal(out string) string {
	for _, f := range figures {
		out = f.what.ReplaceAllString(out, f.name)
	}
	return out
}

// golden runs a command and compares what it prints with testdata/output.
func golden(t *testing.T, a *cluster.Agent, name string, code int, args ...string) {
	t.Helper()
	got := normal(a.Must(code, args...))
	path := filepath.Join("testdata", "output", name+".txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("drover %v (rewrite with -rewrite):\n%s", args, diff)
	}
}

func TestOutputHasTheFormThatScriptsKnow(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	complete := func(n int) func(api.TaskGroupSummary) bool {
		return func(g api.TaskGroupSummary) bool { return g.Complete == n }
	}
	check := func(name string, code int, args ...string) {
		t.Helper()
		golden(t, a, name, code, args...)
	}
	file := hello(t, nil)
	check("node-status", 0, "node", "status")
	check("job-status-none", 0, "job", "status")
	check("job-validate", 0, "job", "validate", file)
	check("job-plan", 1, "job", "plan", file)
	a.Must(0, "job", "run", file)
	alloc := a.Allocs(t.Context(), "hello")[0]
	deployment, _, err := a.Client.Jobs.LatestDeployment(t.Context(), "hello", client.Query{})
	if err != nil {
		t.Fatal(err)
	}
	check("job-status-list", 0, "job", "status")
	check("job-status", 0, "job", "status", "hello")
	check("job-status-evals", 0, "job", "status", "-evals", "hello")
	check("job-status-verbose", 0, "job", "status", "-verbose", "hello")
	check("alloc-status", 0, "alloc", "status", alloc.ID)
	check("alloc-checks", 0, "alloc", "checks", alloc.ID)
	check("service-list", 0, "service", "list")
	check("service-info", 0, "service", "info", "hello-web")
	check("alloc-fs", 0, "alloc", "fs", alloc.ID)
	check("alloc-fs-stat", 0, "alloc", "fs", "-stat", alloc.ID, "alloc/logs/server.stdout.0")
	check("node-status-one", 0, "node", "status", alloc.NodeID)
	check("deployment-list", 0, "deployment", "list")
	check("deployment-status", 0, "deployment", "status", deployment.ID)
	check("eval-list", 0, "eval", "list")
	check("eval-status", 0, "eval", "status", alloc.EvalID)
	check("job-run-stale-index", 1, "job", "run", "-check-index", "1", file)
	check("job-plan-unplaceable", 1, "job", "plan", "unplaceable.nomad.hcl")
	check("job-run-detach", 0, "job", "run", "-detach", "unplaceable.nomad.hcl")
	a.AwaitSummary("unplaceable", "queued", func(g api.TaskGroupSummary) bool { return g.Queued == 2 })
	check("job-status-unplaceable", 0, "job", "status", "unplaceable")
	a.Must(0, "apply", "countdown.nomad.hcl")
	a.AwaitSummary("countdown", "complete", complete(3))
	check("job-status-complete", 0, "job", "status", "countdown")
	batch := a.Allocs(t.Context(), "countdown")[0].ID
	check("alloc-logs-ambiguous", 1, "alloc", "logs", batch)
	check("job-stop-unknown", 1, "job", "stop", "nope")
	check("node-ineligible", 0, "node", "eligibility", "-disable", alloc.NodeID)
}
