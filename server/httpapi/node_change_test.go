package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// answersAsRecorded sends a recorded request and compares the answers, but for what is
// different each time.
func (c *cluster) answersAsRecorded(number string, different ...string) answered {
	c.t.Helper()
	r := exchange(c.t, number)
	got := c.do(r.Request.Method, r.Request.Path, string(r.Request.Body))
	if got.status != r.Status {
		c.t.Fatalf("%s %s: status %d, want %d: %s", number, r.Request.Path, got.status, r.Status, got.body)
	}
	sameHeaders(c.t, r, got)
	want, was := tree(c.t, r.Body).(map[string]any), tree(c.t, got.body).(map[string]any)
	for _, name := range different {
		if _, ok := was[name]; !ok {
			c.t.Errorf("%s: %s is lost", number, name)
		}
		delete(want, name)
		delete(was, name)
	}
	if d := differences("$", want, was); len(d) > 0 {
		c.t.Errorf("%s:\n%s", number, strings.Join(d, "\n"))
	}
	return got
}

func TestNodesAreChangedAsRecorded(t *testing.T) {
	c := newCluster(t)
	c.hello()
	c.answersAsRecorded("114")
	evaluated := func(number string, different ...string) {
		t.Helper()
		var out api.NodeUpdateResponse
		if err := json.Unmarshal(c.answersAsRecorded(number, append(different, "EvalIDs")...).body, &out); err != nil {
			t.Fatal(err)
		}
		if len(out.EvalIDs) != 1 || out.EvalCreateIndex != out.Index {
			t.Fatalf("%s: answer %+v, want the evaluation of the one job", number, out)
		}
		if e := c.eval(out.EvalIDs[0]); e.JobID != "hello" || e.NodeID != helloNode || e.TriggeredBy != api.TriggerNodeUpdate {
			t.Errorf("%s: evaluation %+v", number, e)
		}
	}
	evaluated("115")
	c.answersAsRecorded("116")
	evaluated("118")
	evaluated("120")
}

func TestADrainedNodeIsShownAsRecorded(t *testing.T) {
	c := newCluster(t)
	c.hello()
	for _, number := range []string{"114", "115", "116"} {
		r := exchange(t, number)
		c.must(r.Request.Method, r.Request.Path, string(r.Request.Body), nil)
	}
	r := exchange(t, "117")
	want, got := tree(t, r.Body).(map[string]any), tree(t, c.get(r.Request.Path, nil).body).(map[string]any)
	for _, node := range []map[string]any{want, got} {
		for _, name := range []string{"DrainStrategy", "LastDrain"} {
			for moment, at := range node[name].(map[string]any) {
				if text, ok := at.(string); ok && strings.HasSuffix(moment, "At") {
					if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
						t.Errorf("%s.%s: %v", name, moment, err)
					}
					node[name].(map[string]any)[moment] = "then"
				}
			}
		}
		node["DrainStrategy"].(map[string]any)["ForceDeadline"] = "later"
		for _, e := range node["Events"].([]any) {
			e.(map[string]any)["Timestamp"] = "then"
		}
		for _, varies := range []string{"StatusUpdatedAt", "LastAllocUpdateIndex", "ModifyIndex", "CreateIndex"} {
			delete(node, varies)
		}
	}
	if d := differences("$", want, got); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
}

func (c *cluster) intent() *api.NodeIntent {
	return get[*api.NodeIntent](c.store.Snapshot(), api.Key{Kind: api.KindNodeIntent, ID: helloNode})
}

func TestASecondDrainTakesThePlaceOfTheFirst(t *testing.T) {
	c := newCluster(t)
	c.hello()
	path := "/v1/node/" + helloNode + "/drain"
	c.must(http.MethodPut, path, `{"DrainSpec":{"Deadline":0},"Meta":{"message":"disk"}}`, nil)
	first := c.intent()
	if !first.DrainStrategy.ForceDeadline.IsZero() {
		t.Errorf("a drain without a deadline has one: %+v", first.DrainStrategy)
	}
	c.must(http.MethodPut, path, `{"DrainSpec":{"Deadline":-1}}`, nil)
	second := c.intent()
	if !second.DrainStrategy.StartedAt.Equal(first.DrainStrategy.StartedAt) || !second.DrainStrategy.Due(time.Now()) ||
		second.LastDrain.Meta["message"] != "disk" || second.Eligibility != api.NodeIneligible {
		t.Errorf("strategy %+v, record %+v", second.DrainStrategy, second.LastDrain)
	}
	c.must(http.MethodPut, path, `{"DrainSpec":null,"Meta":{"by":"ann"}}`, nil)
	if n := c.intent(); n.Draining() || n.LastDrain.Status != api.DrainCanceled || n.LastDrain.Meta["by"] != "ann" || n.Eligibility != api.NodeIneligible {
		t.Errorf("cancelled: %+v, record %+v", n, n.LastDrain)
	}
	// The drain is over; what was kept back can still be given.
	c.must(http.MethodPut, path, `{"DrainSpec":null,"MarkEligible":true}`, nil)
	n := c.intent()
	if n.Eligibility != api.NodeEligible {
		t.Errorf("eligibility %s", n.Eligibility)
	}
	var messages []string
	for _, e := range n.Events {
		messages = append(messages, e.Message)
	}
	if want := []string{
		"Node drain strategy set", "Node drain strategy updated", "Node drain disabled", "Node marked as eligible for scheduling",
	}; !slices.Equal(messages, want) {
		t.Errorf("events %q, want %q", messages, want)
	}
	for body, want := range map[string]int{
		`{"DrainSpec":{"Deadline":1},"MarkEligible":true}`: http.StatusBadRequest,
		`{"DrainSpec":5}`: http.StatusBadRequest,
	} {
		if a := c.do(http.MethodPut, path, body); a.status != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestAPurgedNodeIsGone(t *testing.T) {
	c := newCluster(t)
	c.hello()
	c.must(http.MethodPut, "/v1/node/"+helloNode+"/eligibility", `{"Eligibility":"ineligible"}`, nil)
	var out api.NodeEvaluateResponse
	c.must(http.MethodPut, "/v1/node/"+helloNode+"/purge", "", &out)
	if len(out.EvalIDs) != 1 || out.Index == 0 {
		t.Errorf("answer %+v", out)
	}
	for _, kind := range []api.Kind{api.KindNode, api.KindNodeIntent, api.KindNodeStatus, api.KindNodeSession} {
		if n := c.store.Snapshot().Count(store.Query{Kind: kind}); n != 0 {
			t.Errorf("%d objects of kind %s are left", n, kind)
		}
	}
	for _, verb := range []string{"purge", "evaluate", "drain"} {
		a := c.do(http.MethodPut, "/v1/node/"+helloNode+"/"+verb, "{}")
		if a.status != http.StatusNotFound || string(a.body) != "node not found" {
			t.Errorf("%s: %d %s", verb, a.status, a.body)
		}
	}
}

func TestTheMetaOfANodeIsForItsAgent(t *testing.T) {
	c := newCluster(t)
	c.hello()
	c.nodes.connect(helloNode, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read: %v", err)
		}
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, b)
	}))
	path := "/v1/client/metadata"
	for _, at := range []struct{ query, body string }{
		{"?node_id=" + helloNode, `{"Meta":{"rack":null}}`},
		{"", `{"NodeID":"` + helloNode + `","Meta":{"rack":null}}`},
	} {
		if got := c.do(http.MethodPost, path+at.query, at.body); string(got.body) != "POST "+path+" "+at.body {
			t.Errorf("%s %s: %d %s", at.query, at.body, got.status, got.body)
		}
	}
	if got := c.do(http.MethodGet, path+"?node_id="+helloNode, ""); string(got.body) != "GET "+path+" " {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := c.do(http.MethodPost, path, "{}"); got.status != http.StatusBadRequest {
		t.Errorf("no node: %d %s", got.status, got.body)
	}
}
