package jobspec_test

import (
	"encoding/json"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
)

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/jobs/*.hcl", "testdata/corpus/*", "testdata/errors/*.hcl", "testdata/validate/*.hcl"} {
		for _, file := range glob(f, pattern) {
			f.Add(readFile(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		job, _, err := jobspec.Parse(jobspec.ParseOptions{Body: body})
		if err != nil {
			return
		}
		live(t, job)
	})
}

// live takes a job through all that is done with one, and checks what must hold of
// every job.
func live(t *testing.T, job *api.Job) {
	t.Helper()
	if _, err := api.SpecJSON(job); err != nil {
		t.Fatal(err)
	}
	jobspec.Canonicalize(job)
	jobspec.AddImplicitConstraints(job)
	first := mustJSON(t, job)
	if again := jobspec.Canonicalize(job); len(again) > 0 {
		t.Errorf("a canonical job has older forms: %v", again)
	}
	jobspec.AddImplicitConstraints(job)
	if second := mustJSON(t, job); first != second {
		t.Errorf("canonical only at the second time:\n%s\n%s", first, second)
	}
	if diff := jobspec.Diff(job, job); diff.Type != api.DiffNone {
		t.Errorf("a job differs from itself: %s", mustJSON(t, diff))
	}
	if diff := jobspec.Diff(nil, job); diff.Type != api.DiffAdded {
		t.Errorf("a new job is %s", diff.Type)
	}
	if _, err := jobspec.Validate(job); err != nil {
		return
	}
	copied, err := api.Clone(job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := jobspec.Diff(job, copied); diff.Type != api.DiffNone {
		t.Errorf("a job differs from its copy: %s", mustJSON(t, diff))
	}
}

func FuzzFormat(f *testing.F) {
	for _, file := range glob(f, "testdata/corpus/*.hcl") {
		f.Add(readFile(f, file))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		formatted, err := jobspec.Format("x.hcl", body)
		if err != nil {
			return
		}
		if _, err := jobspec.Format("x.hcl", formatted); err != nil {
			t.Fatalf("formatted text does not parse: %v", err)
		}
	})
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
