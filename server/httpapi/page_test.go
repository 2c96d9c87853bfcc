package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

func ids(jobs []api.JobListStub) string {
	var out []string
	for _, j := range jobs {
		out = append(out, j.Namespace+"/"+j.ID)
	}
	return strings.Join(out, " ")
}

func (c *cluster) jobs(query string) string {
	c.t.Helper()
	var jobs []api.JobListStub
	c.get("/v1/jobs?"+query, &jobs)
	return ids(jobs)
}

func TestJobsAreListedByNamespacePrefixAndFilter(t *testing.T) {
	c := newCluster(t)
	for _, id := range []string{"api", "app", "batch", "app/dispatch-1"} {
		c.put(testJob(id))
	}
	team := testJob("team-app")
	team.Namespace, team.Meta, team.Type = new("team"), map[string]string{"owner": "ops"}, new(api.JobTypeBatch)
	c.put(team, &api.JobStatus{Namespace: "team", JobID: "team-app", Status: api.JobStatusDead})

	for query, want := range map[string]string{
		"":                       "default/api default/app default/app/dispatch-1 default/batch",
		"prefix=ap":              "default/api default/app default/app/dispatch-1",
		"namespace=team":         "team/team-app",
		"namespace=*":            "default/api default/app default/app/dispatch-1 default/batch team/team-app",
		"namespace=nope":         "",
		"namespace=*&prefix=tea": "team/team-app",
		"reverse=true":           "default/batch default/app/dispatch-1 default/app default/api",
		"filter=" + url.QueryEscape(`Type == "service" and ID contains "pp"`): "default/app default/app/dispatch-1",
		"namespace=*&filter=" + url.QueryEscape(`Status == "dead"`):           "team/team-app",
		"namespace=*&filter=" + url.QueryEscape(`Meta.owner == "ops"`):        "team/team-app",
		"filter=" + url.QueryEscape(`"g" in TaskGroups`):                      "",
		"filter=" + url.QueryEscape(`ParentID is empty`):                      "",
		"filter=" + url.QueryEscape(`any TaskGroups as g { g.Name == "g" }`):  "default/api default/app default/app/dispatch-1 default/batch",
		"per_page=2":                                  "default/api default/app",
		"per_page=2&next_token=default!app":           "default/app/dispatch-1 default/batch",
		"per_page=1&reverse&next_token=default!batch": "default/app/dispatch-1",
		"next_token=nonsense":                         "",
	} {
		a := c.do(http.MethodGet, "/v1/jobs?"+query, "")
		if a.status == http.StatusBadRequest && strings.HasPrefix(query, "filter") {
			continue // a filter that does not fit is refused, which is as good
		}
		if got := c.jobs(query); got != want {
			t.Errorf("?%s lists %q, want %q", query, got, want)
		}
	}
}

func TestAListWithoutElementsIsAnEmptyListNotNull(t *testing.T) {
	c := newCluster(t)
	for _, path := range []string{
		"/v1/jobs", "/v1/jobs?per_page=3", "/v1/allocations", "/v1/evaluations", "/v1/deployments", "/v1/nodes",
		"/v1/job/nope/allocations", "/v1/job/nope/evaluations", "/v1/job/nope/deployments", "/v1/jobs/statuses",
	} {
		if a := c.get(path, nil); string(a.body) != "[]" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := c.get("/v1/job/nope/deployment", nil); string(a.body) != "null" {
		t.Errorf("deployment of no job: %s", a.body)
	}
}

func TestPagesPutTogetherAreTheWholeList(t *testing.T) {
	c := newCluster(t)
	for i := range 23 {
		id := fmt.Sprintf("%08x-0000-0000-0000-000000000000", i*7919%1000)
		c.put(testJob(fmt.Sprintf("job-%02d", i)),
			&api.Evaluation{ID: id, Namespace: "default", JobID: "j"},
			&api.Deployment{ID: id, Namespace: "default", JobID: "j"},
			&api.Allocation{ID: id, Namespace: "default", JobID: "j"},
			&api.Node{ID: id})
	}
	type item struct{ ID string }
	rapid.Check(t, func(r *rapid.T) {
		path := rapid.SampledFrom([]string{"jobs", "evaluations", "deployments", "allocations", "nodes"}).Draw(r, "list")
		size := rapid.IntRange(1, 30).Draw(r, "per_page")
		query := "?"
		if rapid.Bool().Draw(r, "reverse") {
			query = "?reverse=true&"
		}
		if rapid.Bool().Draw(r, "filter") {
			query += "filter=" + url.QueryEscape(`ID matches "[0-4]"`) + "&"
		}
		var whole, pages []item
		c.get("/v1/"+path+query, &whole)
		for token := ""; ; {
			var page []item
			a := c.get(fmt.Sprintf("/v1/%s%sper_page=%d&next_token=%s", path, query, size, url.QueryEscape(token)), &page)
			pages = append(pages, page...)
			if token = a.header.Get("X-Nomad-NextToken"); token == "" {
				break
			}
			if len(page) != size {
				r.Fatalf("a page of %d has %d items and another page behind it", size, len(page))
			}
		}
		if !slices.Equal(whole, pages) {
			r.Errorf("%s%s in pages of %d: %v, want %v", path, query, size, pages, whole)
		}
	})
}

func TestEvaluationsAndDeploymentsAreListedOldestFirst(t *testing.T) {
	c := newCluster(t)
	for _, id := range []string{"ffffffff-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000", "aaaaaaaa-0000-0000-0000-000000000000"} {
		c.put(&api.Evaluation{ID: id, Namespace: "default", JobID: "j"}, &api.Deployment{ID: id, Namespace: "default", JobID: "j"})
	}
	for _, path := range []string{"evaluations", "deployments", "job/j/evaluations", "job/j/deployments"} {
		var items []struct {
			ID          string
			CreateIndex uint64
		}
		c.get("/v1/"+path, &items)
		if len(items) != 3 || items[0].CreateIndex >= items[1].CreateIndex || items[1].CreateIndex >= items[2].CreateIndex {
			t.Errorf("%s: %v", path, items)
		}
	}
	var count struct{ Count int }
	c.get("/v1/evaluations/count?filter="+url.QueryEscape(`ID matches "^f"`), &count)
	if count.Count != 1 {
		t.Errorf("counted %d", count.Count)
	}
}

func TestFiltersKnowTheIndexesOfEveryKind(t *testing.T) {
	c := newCluster(t)
	at := c.put(testJob("app"),
		&api.Evaluation{ID: newID(), Namespace: "default", JobID: "app", Status: api.EvalPending},
		&api.Deployment{ID: newID(), Namespace: "default", JobID: "app", Status: api.DeploymentRunning},
		&api.Allocation{ID: newID(), Namespace: "default", JobID: "app"},
		&api.Node{ID: newID(), Name: "node"},
		&api.Namespace{Name: "team"}, &api.NodePool{Name: "team"})
	for _, list := range []string{"jobs", "evaluations", "deployments", "allocations", "nodes", "namespaces", "node/pools"} {
		for _, filter := range []string{"CreateIndex == %d", "ModifyIndex == %d"} {
			var found []map[string]any
			c.get("/v1/"+list+"?filter="+url.QueryEscape(fmt.Sprintf(filter, at)), &found)
			if len(found) != 1 {
				t.Errorf("%s, %s: %d found", list, filter, len(found))
			}
			c.get("/v1/"+list+"?filter="+url.QueryEscape(fmt.Sprintf(filter, at+1)), &found)
			if len(found) != 0 {
				t.Errorf("%s, %s of later: %d found", list, filter, len(found))
			}
		}
	}
}
