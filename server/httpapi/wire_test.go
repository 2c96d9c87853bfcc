package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

const (
	helloAlloc      = "d8986e42-ddbc-fda2-c570-b320a2495d59"
	helloNode       = "8f1a56e6-abee-d11b-35cf-4af3b2451607"
	helloEval       = "47f8f64f-7e61-c9cf-09c4-65c15da02596"
	helloDeployment = "e9bb409d-3388-4af5-7baa-8f2df3195386"
)

// hello puts what the recordings show of the job hello into the store, in the parts
// in which the store keeps it.
func (c *cluster) hello() {
	c.t.Helper()
	node := recordedBody[api.Node](c.t, "010")
	c.put(&node,
		&api.NodeStatus{NodeID: node.ID, Status: node.Status, Events: node.Events, UpdatedAt: node.StatusUpdatedAt * int64(time.Second)},
		&api.NodeSession{NodeID: node.ID, Connected: true})

	job := recordedBody[api.Job](c.t, "035")
	evals := recordedBody[[]*api.Evaluation](c.t, "039")
	submission := recordedBody[api.JobSubmission](c.t, "042")
	evals[0].JobModifyIndex = 0
	c.put(&job, &api.JobVersion{Job: &job}, &submission, evals[0])

	whole := recordedBody[api.Allocation](c.t, "047")
	alloc := whole
	alloc.JobType, alloc.Ports = api.JobTypeService, whole.AllocatedResources.Shared.Ports
	alloc.Usage = api.Usage{CPU: 100, MemoryMB: 64, DiskMB: 300}
	alloc.Placement = alloc.Metrics.Encode()
	deployment := recordedBody[[]*api.Deployment](c.t, "040")[0]
	c.put(&alloc, deployment)
	c.put(&api.AllocationStatus{
		ID: alloc.ID, NodeID: alloc.NodeID, Namespace: alloc.Namespace, JobID: alloc.JobID,
		ClientStatus: whole.ClientStatus, ClientDescription: whole.ClientDescription,
		TaskStates: whole.TaskStates, NetworkStatus: whole.NetworkStatus, ModifyTime: whole.ModifyTime,
		Services: []*api.ServiceInstance{{
			ID: api.ServiceID(alloc.ID, "example", "", "hello-web", "http"), Name: "hello-web", Address: "127.0.0.1", Port: 5678,
		}},
	})
	c.put(&api.JobStatus{Namespace: "default", JobID: "hello", Status: api.JobStatusRunning},
		&api.JobVersion{Job: &job, Stable: true}, evals[1])
}

func TestAnswersAreOfTheRecordedForm(t *testing.T) {
	for _, number := range []string{
		"003", "004", "005", "006", "007", "008", "009", "010", "011", "012", "014",
		"026", "029", "030", "031", "032", "034", "035", "037", "038", "039",
		"040", "041", "042", "044", "141", "142", "045", "046", "047", "048", "050", "052", "064", "065",
	} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			c.hello()
			r := exchange(t, number)
			got := c.do(r.Request.Method, r.Request.Path, string(r.Request.Body))
			if got.status != r.Status {
				t.Fatalf("%s: status %d, want %d: %s", r.Request.Path, got.status, r.Status, got.body)
			}
			sameHeaders(t, r, got)
			if r.Status != 200 {
				var text string
				if err := json.Unmarshal(r.Body, &text); err != nil || text != string(got.body) {
					t.Errorf("%s: says %q, want %q", r.Request.Path, got.body, text)
				}
				return
			}
			if d := differences("$", tree(t, r.Body), tree(t, got.body)); len(d) > 0 {
				t.Errorf("%s:\n%s", r.Request.Path, strings.Join(d, "\n"))
			}
		})
	}
}

func sameHeaders(t *testing.T, r recording, got answered) {
	t.Helper()
	for name, want := range r.Headers {
		if value := got.header.Get(name); value != want && (name != "X-Nomad-Index" || value == "") {
			t.Errorf("%s: header %s is %q, want %q", r.Request.Path, name, value, want)
		}
	}
}

// varying is what differs from one run to the next, by the end of a path: there only
// the type is compared.
var varying = []string{
	"Index", ".SnapshotIndex",
	// An allocation shows the version of the job as it is now, not as it was at placement.
	".Job.Status", ".Job.Stable",
	// The stored spec has no hash; nothing shows one.
	".Hash",
}

// differences compares two documents: the fields, their types and, unless they vary,
// their values.
func differences(path string, want, got any) []string {
	var out []string
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			at := path + "." + k
			v, ok := g[k]
			switch {
			case k == "SigningKeyID": // allocations have no signed identity
			case !ok:
				out = append(out, at+" is lost")
			default:
				out = append(out, differences(at, w[k], v)...)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(g)) {
			if _, ok := w[k]; !ok {
				out = append(out, at(path, k)+" is invented")
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			break
		}
		for i := range w {
			out = append(out, differences(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])...)
		}
		return out
	case json.Number:
		if g, ok := got.(json.Number); ok && (varies(path) || sameNumber(w, g)) {
			return nil
		}
	default:
		if want == got || varies(path) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: want %v, got %v", path, want, got)}
}

func at(path, key string) string { return path + "." + key }

func varies(path string) bool {
	return slices.ContainsFunc(varying, func(end string) bool { return strings.HasSuffix(path, end) })
}

func sameNumber(a, b json.Number) bool {
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}
