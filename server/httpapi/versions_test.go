package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// versions registers the job hello a number of times, each with one instance more.
func (c *cluster) versions(count int) {
	c.t.Helper()
	for n := range count {
		in := helloRequest(c.t)
		in.Job.TaskGroups[0].Count = new(n + 1)
		in.Submission.Source = fmt.Sprintf("# version %d", n)
		c.register(in)
	}
}

func (c *cluster) version(number uint64) *api.JobVersion {
	c.t.Helper()
	v, ok := store.Get[*api.JobVersion](c.store.Snapshot(), api.JobVersionKey("default", "hello", number))
	if !ok {
		c.t.Fatalf("there is no version %d", number)
	}
	return v
}

func TestRevertingRegistersAnEarlierVersionAgain(t *testing.T) {
	c := newCluster(t)
	c.versions(3)
	c.must(http.MethodPut, "/v1/job/hello/versions/good/tag", `{"Version":0}`, nil)
	// But for its headers: the reference's say that there is no leader.
	r := exchange(t, "075")
	var out api.JobRegisterResponse
	a := c.must(r.Request.Method, r.Request.Path, string(r.Request.Body), &out)
	want, got := tree(t, r.Body).(map[string]any), tree(t, a.body).(map[string]any)
	delete(want, "EvalID")
	delete(got, "EvalID")
	if d := differences("$", want, got); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
	v := c.version(3)
	if *v.Job.TaskGroups[0].Count != 1 || v.Tag != nil || v.Stable {
		t.Errorf("count %d, tag %v, stable %v", *v.Job.TaskGroups[0].Count, v.Tag, v.Stable)
	}
	if e := c.eval(out.EvalID); e.TriggeredBy != api.TriggerJobRegister || out.EvalCreateIndex != out.Index || out.JobModifyIndex != out.Index {
		t.Errorf("%+v, answer %+v", e, out)
	}
	var source api.JobSubmission
	c.get("/v1/job/hello/submission", &source)
	if source.Source != "# version 0" || source.Version != 3 {
		t.Errorf("source %+v", source)
	}
}

func TestRevertingToTheSameSpecOnlyAsksForAnEvaluation(t *testing.T) {
	c := newCluster(t)
	c.versions(2)
	c.must(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":0}`, nil)
	var out api.JobRegisterResponse
	c.must(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":0}`, &out)
	job, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "hello"))
	if *job.Version != 2 || out.EvalID == "" || out.JobModifyIndex != *job.JobModifyIndex {
		t.Errorf("version %d, answer %+v", *job.Version, out)
	}
}

func TestAStoppedJobIsRevertedToRunAgain(t *testing.T) {
	c := newCluster(t)
	c.versions(1)
	c.must(http.MethodDelete, "/v1/job/hello", "", nil)
	c.must(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":0}`, nil)
	job, _ := store.Get[*api.Job](c.store.Snapshot(), api.JobKey("default", "hello"))
	if job.Stopped() || *job.Version != 2 {
		t.Errorf("version %d, stopped %v", *job.Version, job.Stopped())
	}
}

func TestRevertsThatAreRefused(t *testing.T) {
	c := newCluster(t)
	c.versions(2)
	c.refused(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":1}`, 400, "can't revert to current version")
	c.refused(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":9}`, 404, "version 9")
	c.refused(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":0,"EnforcePriorVersion":0}`, 409, "Current job has version 1; enforcing version 0")
	c.refused(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":0,"JobID":"other"}`, 400, "the path about")
	c.refused(http.MethodPut, "/v1/job/nobody/revert", `{"JobVersion":0}`, 404, "job not found")
	c.must(http.MethodPut, "/v1/job/hello/revert", `{"JobVersion":0,"EnforcePriorVersion":1}`, nil)
}

func TestVersionsAreMarkedStableByHand(t *testing.T) {
	c := newCluster(t)
	c.versions(2)
	c.answersAsRecorded("076")
	if !c.version(0).Stable || c.version(1).Stable {
		t.Errorf("stable: 0 %v, 1 %v", c.version(0).Stable, c.version(1).Stable)
	}
	c.must(http.MethodPut, "/v1/job/hello/stable", `{"JobVersion":0,"Stable":false}`, nil)
	if c.version(0).Stable {
		t.Error("0 is stable still")
	}
	c.refused(http.MethodPut, "/v1/job/hello/stable", `{"JobVersion":7,"Stable":true}`, 404, "version 7")
}

func TestATagIsOnOneVersionOfAJob(t *testing.T) {
	c := newCluster(t)
	c.versions(3)
	var out api.JobTagResponse
	c.must(http.MethodPut, "/v1/job/hello/versions/good/tag", `{"Version":0,"Description":"works"}`, &out)
	if tag := c.version(0).Tag; tag == nil || tag.Name != "good" || tag.Description != "works" || out.TaggedTime != tag.TaggedTime || out.Name != "good" {
		t.Errorf("tag %+v, answer %+v", tag, out)
	}
	c.refused(http.MethodPut, "/v1/job/hello/versions/good/tag", `{"Version":1}`, 409, "on version 0 already")
	c.must(http.MethodPut, "/v1/job/hello/versions/better/tag", `{"Version":0}`, nil)
	c.must(http.MethodPut, "/v1/job/hello/versions/good/tag", `{}`, nil)
	if c.version(0).Tag.Name != "better" || c.version(2).Tag.Name != "good" {
		t.Errorf("tags %v, %v", c.version(0).Tag, c.version(2).Tag)
	}
	c.must(http.MethodDelete, "/v1/job/hello/versions/good/tag", "", nil)
	if c.version(2).Tag != nil {
		t.Error("the tag is there still")
	}
	c.refused(http.MethodDelete, "/v1/job/hello/versions/good/tag", "", 404, `version tag "good"`)
	c.refused(http.MethodPut, "/v1/job/hello/versions/good/tag", `{"Version":8}`, 404, "version 8")
	c.refused(http.MethodPut, "/v1/job/nobody/versions/good/tag", `{}`, 404, "job not found")
	var job api.Job
	c.get("/v1/job/hello/versions", &struct{ Versions []*api.Job }{})
	c.get("/v1/job/hello", &job)
	if job.VersionTag != nil {
		t.Errorf("the current version has tag %v", job.VersionTag)
	}
}

func TestVersionsAreComparedWithOneOfThem(t *testing.T) {
	c := newCluster(t)
	c.versions(3)
	c.must(http.MethodPut, "/v1/job/hello/versions/first/tag", `{"Version":0}`, nil)
	for _, query := range []string{"diff_version=0", "diff_tag=first"} {
		var out api.JobVersionsResponse
		c.get("/v1/job/hello/versions?"+query, &out)
		if len(out.Diffs) != 3 || out.Diffs[0].TaskGroups[0].Fields[0].Old != "1" || out.Diffs[0].TaskGroups[0].Fields[0].New != "3" || out.Diffs[2].Type != api.DiffNone {
			t.Errorf("%s: %s", query, body(t, out.Diffs))
		}
	}
	c.refused(http.MethodGet, "/v1/job/hello/versions?diff_version=9", "", 404, "version 9")
	c.refused(http.MethodGet, "/v1/job/hello/versions?diff_tag=none", "", 404, `version tag "none"`)
	c.refused(http.MethodGet, "/v1/job/hello/versions?diff_tag=first&diff_version=0", "", 400, "either")
}
