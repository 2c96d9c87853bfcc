package jobspec_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
)

func TestDefaultsAreThoseThatAreRecorded(t *testing.T) {
	job := parseFile(t, "testdata/jobs/hello.nomad.hcl")
	jobspec.FillDefaults(job)
	got, err := api.SpecJSON(job)
	if err != nil {
		t.Fatal(err)
	}
	equalJSON(t, recordedBody(t, "019-jobs-parse-canon-hello"), got)
}

func TestStoredJobsAreThoseThatAreRecorded(t *testing.T) {
	for file, recording := range map[string]string{
		"hello": "035-job", "flaky": "089-job-flaky", "countdown": "093-job-countdown", "everywhere": "112-job-system",
	} {
		t.Run(file, func(t *testing.T) {
			want := recordedBody(t, recording)
			job := parseFile(t, "testdata/jobs/"+file+".nomad.hcl")
			jobspec.Canonicalize(job)
			jobspec.AddImplicitConstraints(job)
			joinRecorded(t, job, want)
			got, err := json.Marshal(job)
			if err != nil {
				t.Fatal(err)
			}
			equalJSON(t, want, got)
		})
	}
}

// joinRecorded copies what is not of the spec but of the job's life.
func joinRecorded(t *testing.T, job *api.Job, recorded []byte) {
	t.Helper()
	var from api.Job
	if err := json.Unmarshal(recorded, &from); err != nil {
		t.Fatal(err)
	}
	job.Status, job.StatusDescription, job.Stable = from.Status, from.StatusDescription, from.Stable
	job.CreateIndex, job.ModifyIndex, job.JobModifyIndex = from.CreateIndex, from.ModifyIndex, from.JobModifyIndex
	job.Version, job.SubmitTime = from.Version, from.SubmitTime
}

func TestCanonicalizeAgainChangesNothing(t *testing.T) {
	files, err := filepath.Glob("testdata/jobs/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatal("no jobs", err)
	}
	for _, file := range files {
		job := parseFile(t, file)
		jobspec.Canonicalize(job)
		jobspec.AddImplicitConstraints(job)
		first, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		jobspec.Canonicalize(job)
		jobspec.AddImplicitConstraints(job)
		second, err := json.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		equalJSON(t, first, second)
	}
}
