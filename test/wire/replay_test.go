package wire

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
	"github.com/droverhq/drover/test/recorded"
)

// elsewhere are recordings that are not replayed here, by the beginning of their name.
var elsewhere = map[string]string{
	"agent-":                   "what an agent says of itself: server/httpapi",
	"status-":                  "the same",
	"regions":                  "the same",
	"metrics":                  "the same",
	"nodes":                    "what a machine is: server/httpapi",
	"node.json":                "the same",
	"jobs-parse-":              "the language: jobspec",
	"client-fs-":               "files: nodeagent/files",
	"client-stats":             "figures of a machine",
	"client-allocation-stats":  "the same",
	"client-allocation-signal": "it was sent while the task was restarting: nodeagent",
	"event-stream":             "it does not end: server/httpapi",
	"search":                   "not supported yet",
	"raft-":                    "not supported yet",
	"autopilot-":               "not supported yet",
	"acl-":                     "not supported yet",
	"plugins":                  "not supported yet",
	"volumes":                  "not supported yet",
	"license":                  "not supported yet",
	"system-rec":               "not supported yet",
}

// port is the one that the recorded job listens on. Other tests may be using it.
var port = regexp.MustCompile(`\b5678\b`)

// settles is how long what is read may take to become what was recorded: on a busy
// machine much longer than when it was recorded.
const settles = 30 * time.Second

// replay is the recordings and an agent that they are replayed against.
type replay struct {
	t     *testing.T
	agent *cluster.Agent
	port  string
	meant []*meant
	comparison
}

func TestAnswersAreAsRecorded(t *testing.T) {
	recordings, err := recorded.All()
	if err != nil || len(recordings) == 0 {
		t.Fatal(len(recordings), err)
	}
	meant, err := readMeant("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := &replay{
		t: t, agent: cluster.Start(t, cluster.Options{Name: "node-1", Config: recordedMachine}), port: cluster.FreePorts(t, 1)[0],
		meant: meant, comparison: comparison{ids: make(map[string]string)},
	}
	r.learnNode()
	for _, recording := range recordings {
		if !isElsewhere(recording) {
			r.prepare(recording.Number)
			r.exchange(recording)
		}
	}
	for _, m := range meant {
		if !m.used && !m.maybe {
			t.Errorf("testdata/differences.txt: %s %s does not differ any more", m.number, m.path)
		}
	}
}

func isElsewhere(recording *recorded.Exchange) bool {
	for beginning := range elsewhere {
		if strings.HasPrefix(recording.Name, beginning) || recording.Name+".json" == beginning {
			return true
		}
	}
	return false
}

// recordedNode is the ID of the node in the recordings.
const recordedNode = "8f1a56e6-abee-d11b-35cf-4af3b2451607"

// recordedMachine is what that node has, by which placements are scored.
const recordedMachine = `client {
  cpu_total_compute = 5192
  memory_total_mb   = 24105
  disk_total_mb     = 258019
}`

// The IDs of the allocation of hello and of the deployment of canary's second version.
const (
	recordedAlloc  = "d8986e42-ddbc-fda2-c570-b320a2495d59"
	recordedCanary = "2456c596-96c6-6b7d-dbd7-e4c5180bb472"
)

func (r *replay) learnNode() {
	nodes, _, err := r.agent.Client.Nodes.List(r.t.Context(), false, client.Query{})
	if err != nil || len(nodes) != 1 {
		r.t.Fatal(len(nodes), err)
	}
	r.ids[recordedNode] = nodes[0].ID
}

// prepare awaits what was there when an exchange was recorded, and finds IDs that were
// known then from requests that were not recorded.
func (r *replay) prepare(number string) {
	r.t.Helper()
	switch number {
	case "080": // the task has been restarted
		r.agent.Await("the restart of hello", func(ctx context.Context) bool {
			a, _, err := r.agent.Client.Allocations.Get(ctx, r.ids[recordedAlloc], client.Query{})
			return err == nil && a.TaskStates["server"].Restarts == 1 && a.TaskStates["server"].State == api.TaskStateRunning
		})
	case "083": // the first version is out
		r.awaitDeployment("canary", func(d *api.Deployment) bool { return d.Status == api.DeploymentSuccessful })
	case "085": // the canary is healthy
		r.ids[recordedCanary] = r.awaitDeployment("canary", func(d *api.Deployment) bool {
			return d.JobVersion == 1 && d.TaskGroups["web"].HealthyAllocs == 1
		})
	}
}

// awaitDeployment awaits a state of the newest deployment of a job, and returns its ID.
func (r *replay) awaitDeployment(job string, is func(*api.Deployment) bool) (id string) {
	r.t.Helper()
	r.agent.Await("the deployment of "+job, func(ctx context.Context) bool {
		d, _, err := r.agent.Client.Jobs.LatestDeployment(ctx, job, client.Query{})
		if err != nil || d == nil || !is(d) {
			return false
		}
		id = d.ID
		return true
	})
	return id
}

// exchange makes a request as it was recorded, and compares the answer. What is read may
// still be on its way to what was recorded: it is read again until it is.
func (r *replay) exchange(recording *recorded.Exchange) {
	r.t.Helper()
	var left []difference
	attempt := func(context.Context) bool {
		left = r.attempt(recording)
		return len(left) == 0
	}
	if recording.Request.Method == http.MethodGet {
		cluster.Poll(r.t.Context(), settles, attempt)
	} else {
		left = r.attempt(recording)
	}
	for _, d := range left {
		r.t.Errorf("%s-%s %s: %s", recording.Number, recording.Name, recording.Request.Path, d)
	}
}

// attempt makes a request once, and returns the differences that are not meant.
func (r *replay) attempt(recording *recorded.Exchange) []difference {
	status, header, body := r.do(recording)
	trial := r.trial()
	var found []difference
	if status != recording.Status {
		found = append(found, difference{"status", brief(status) + " instead of " + brief(recording.Status) + ": " + string(body)})
	} else {
		found = trial.compare("$", tree(recording.Body), tree(body))
	}
	for name, want := range recording.Headers {
		if got := header.Get(name); got != want && (name != "X-Nomad-Index" || got == "") {
			found = append(found, difference{"header " + name, "want " + brief(want) + ", got " + brief(got)})
		}
	}
	var left []difference
	for _, d := range found {
		if !r.isMeant(recording.Number, d) {
			left = append(left, d)
		}
	}
	r.comparison = *trial
	return left
}

func (r *replay) isMeant(number string, d difference) bool {
	for _, m := range r.meant {
		if m.is(number, d) {
			m.used = true
			return true
		}
	}
	return false
}

func (r *replay) do(recording *recorded.Exchange) (int, http.Header, []byte) {
	r.t.Helper()
	body := recording.Request.Body
	if text, ok := tree(body).(string); ok {
		body = []byte(text) // it was no JSON
	}
	if string(body) == "null" {
		body = nil
	}
	text := r.replaced(port.ReplaceAllString(string(body), r.port))
	request, err := http.NewRequestWithContext(r.t.Context(), recording.Request.Method,
		r.agent.Client.Address()+r.replaced(recording.Request.Path), strings.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := (&http.Client{Timeout: cluster.Patience}).Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, response.Header, bytes.ReplaceAll(answer, []byte(r.port), []byte("5678"))
}

func TestMain(m *testing.M) { cluster.Main(m) }
