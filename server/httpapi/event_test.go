package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
)

// listener reads an event stream.
type listener struct {
	t      *testing.T
	cancel context.CancelFunc
	lines  *bufio.Scanner
	body   io.Closer
}

func (c *cluster) listen(query string) *listener {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://drover/v1/event/stream?"+query, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
		c.t.Fatalf("stream: %d %s", response.StatusCode, response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	l := &listener{t: c.t, cancel: cancel, lines: lines, body: response.Body}
	c.t.Cleanup(l.close)
	return l
}

func (l *listener) close() {
	l.cancel()
	if err := l.body.Close(); err != nil {
		l.t.Errorf("close stream: %v", err)
	}
}

// line returns the next line, or "" at the end.
func (l *listener) line() string {
	if !l.lines.Scan() {
		return ""
	}
	return l.lines.Text()
}

// events returns the events of the next line that has some.
func (l *listener) events() api.Events {
	l.t.Helper()
	for {
		text := l.line()
		if text == "" {
			l.t.Fatalf("the stream has ended: %v", l.lines.Err())
		}
		var e api.Events
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			l.t.Fatalf("%v in %s", err, text)
		}
		if len(e.Events) > 0 {
			return e
		}
	}
}

func names(e api.Events) string {
	var out []string
	for _, event := range e.Events {
		out = append(out, fmt.Sprintf("%s/%s/%s", event.Topic, event.Type, event.Key))
	}
	return strings.Join(out, " ")
}

func TestEventsSayWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		l := c.listen("topic=*&namespace=*")
		l.expect("NodePool/NodePoolUpserted/all NodePool/NodePoolUpserted/default")

		node := &api.Node{ID: "n", SecretID: "secret"}
		alloc := &api.Allocation{ID: "a", Namespace: "default", JobID: "shop", DeploymentID: "d", DesiredStatus: "run", NodeID: "n"}
		stopping, healthy, asked := *alloc, *alloc, *alloc
		stopping.DesiredStatus = "stop"
		healthy.DeploymentStatus = &api.AllocDeploymentStatus{Healthy: new(true)}
		asked.DesiredTransition.Migrate = new(true)
		stopped := testJob("shop")
		stopped.Stop = new(true)
		for _, step := range []struct {
			object api.Object
			want   string
		}{
			{node, "Node/NodeRegistration/n"},
			{&api.NodeStatus{NodeID: "n", Status: "ready"}, "Node/NodeEvent/n"},
			{&api.NodeIntent{NodeID: "n", Eligibility: "ineligible"}, "Node/NodeEligibility/n"},
			{&api.NodeIntent{NodeID: "n", DrainStrategy: &api.DrainStrategy{}}, "Node/NodeDrain/n"},
			{testJob("shop"), "Job/JobRegistered/shop"},
			{&api.Evaluation{ID: "e", Namespace: "default", JobID: "shop"}, "Evaluation/EvaluationUpdated/e"},
			{alloc, "Allocation/PlanResult/a"},
			{&api.AllocationStatus{ID: "a", ClientStatus: "running"}, "Allocation/AllocationUpdated/a"},
			{&healthy, "Allocation/DeploymentAllocHealth/a"},
			{&api.Deployment{ID: "d", Namespace: "default", JobID: "shop", Status: "running"}, "Deployment/PlanResult/d"},
			{&api.Deployment{ID: "d", Namespace: "default", JobID: "shop", Status: "running", ModifyTime: 1}, "Deployment/DeploymentAllocHealth/d"},
			{&api.Deployment{ID: "d", Namespace: "default", JobID: "shop", Status: "successful"}, "Deployment/DeploymentStatusUpdate/d"},
			{stopped, "Job/JobDeregistered/shop"},
		} {
			at := c.put(step.object)
			e := l.expect(step.want)
			if e.Index != at || e.Events[0].Index != at {
				t.Errorf("%s: index %d and %d, want %d", step.want, e.Index, e.Events[0].Index, at)
			}
			payload, ok := e.Events[0].Payload[e.Events[0].Topic].(map[string]any)
			if !ok || strings.Contains(fmt.Sprint(payload), "secret") || payload["Job"] != nil {
				t.Errorf("%s: payload %v", step.want, e.Events[0].Payload)
			}
		}
		c.put(&stopping)
		l.expect("Allocation/PlanResult/a")
		c.put(&asked)
		c.remove(api.Key{Kind: api.KindAllocation, ID: "a"}, api.Key{Kind: api.KindNode, ID: "n"}, api.JobKey("default", "shop"))
		l.expect("Allocation/PlanResult/a")
		got := names(l.events())
		for _, want := range []string{"Node/NodeDeregistration/n", "Job/JobDeregistered/shop"} {
			if !strings.Contains(got, want) || strings.Contains(got, "Allocation") {
				t.Errorf("after deletes: %s", got)
			}
		}
	})
}

func (l *listener) expect(want string) api.Events {
	l.t.Helper()
	e := l.events()
	if got := names(e); got != want {
		l.t.Errorf("events %s, want %s", got, want)
	}
	return e
}

func TestASubscriptionShowsItsTopicsKeysAndNamespaceOnly(t *testing.T) {
	for query, want := range map[string]string{
		"topic=Job":                        "Job/JobRegistered/shop Job/JobRegistered/bar",
		"topic=Job:shop":                   "Job/JobRegistered/shop",
		"topic=Job:shop&topic=Node":        "Job/JobRegistered/shop Node/NodeRegistration/n",
		"topic=Evaluation:shop":            "Evaluation/EvaluationUpdated/e",
		"topic=*:shop":                     "Job/JobRegistered/shop Evaluation/EvaluationUpdated/e",
		"topic=Job&namespace=team":         "Job/JobRegistered/other",
		"topic=Job:other&namespace=*":      "Job/JobRegistered/other",
		"topic=NodePool&topic=Job:nothing": "",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			l := c.listen(fmt.Sprintf("%s&index=%d", query, c.store.Snapshot().Index()+1))
			other := testJob("other")
			other.Namespace = new("team")
			c.put(testJob("shop"), testJob("bar"), other, &api.Node{ID: "n"}, &api.Evaluation{ID: "e", Namespace: "default", JobID: "shop"})
			c.put(&api.Node{ID: "end"}, testJob("bar"), other)
			if want == "" {
				if got := l.line(); got != "{}" {
					t.Errorf("%s shows %s", query, got)
				}
				return
			}
			l.expect(want)
		})
	}
}

func TestAStreamBeginsAtItsIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.put(testJob("a"))
		at := c.put(testJob("b"))
		c.put(testJob("c"))
		l := c.listen(fmt.Sprintf("topic=Job&index=%d", at))
		l.expect("Job/JobRegistered/b")
		l.expect("Job/JobRegistered/c")
	})
}

func TestAQuietStreamShowsThatItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		l := c.listen("topic=Job")
		start := time.Now()
		for i := 1; i <= 3; i++ {
			if got := l.line(); got != "{}" {
				t.Fatalf("line %d: %q", i, got)
			}
			if took := time.Since(start); took != time.Duration(i)*10*time.Second {
				t.Errorf("sign of life %d after %v", i, took)
			}
		}
		c.put(testJob("shop"))
		l.expect("Job/JobRegistered/shop")
	})
}

func TestAStreamEndsWhenTheServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		l := c.listen("topic=Job")
		c.stop()
		if got := l.line(); got != "" || l.lines.Err() != nil {
			t.Errorf("line %q, error %v", got, l.lines.Err())
		}
	})
}

func TestAStreamThatIsReadTooSlowlyEndsWithTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		l := c.listen(fmt.Sprintf("topic=Job&index=%d", c.store.Snapshot().Index()+1))
		// Nobody reads: the stream blocks on its first line, and the feed goes on
		// without it until what it missed is not kept any more.
		synctest.Wait()
		big := testJob("shop")
		big.Meta = map[string]string{"x": strings.Repeat("x", 10_000)}
		for range 20_000 {
			c.put(big)
		}
		last := ""
		for text := l.line(); text != ""; text = l.line() {
			last = text
		}
		if !strings.HasPrefix(last, `{"Error":{"Code":429,`) {
			t.Errorf("last line %.200s", last)
		}
	})
}

func TestAClientThatStopsReadingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		l := c.listen("topic=Job")
		start := time.Now()
		synctest.Wait()
		for range 10 {
			c.put(testJob("shop"))
		}
		time.Sleep(time.Hour) // of virtual time
		for l.line() != "" {
		}
		if l.lines.Err() == nil {
			t.Errorf("the stream ended in order after %v", time.Since(start))
		}
	})
}

func TestARefusedStreamIsAnOrdinaryError(t *testing.T) {
	c := newCluster(t)
	if a := c.do(http.MethodGet, "/v1/event/stream?index=x", ""); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAHeadOfTheStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, what := range []struct{ method, path string }{
			{http.MethodHead, "/v1/event/stream"},
			{http.MethodGet, "/v1/jobs"}, // on the same connection: it waits for the first to end
		} {
			r, err := http.NewRequestWithContext(ctx, what.method, "http://drover"+what.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a := c.send(r); a.status != http.StatusOK || a.header.Get("X-Nomad-Index") == "" {
				t.Errorf("%s %s: %d %v", what.method, what.path, a.status, a.header)
			}
		}
	})
}
