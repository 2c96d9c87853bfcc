package jobspec_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
	"github.com/droverhq/drover/test/recorded"
)

func TestJobsParseToTheSpecFormThatIsRecorded(t *testing.T) {
	for job, recording := range map[string]string{
		"hello": "015-jobs-parse-hello", "countdown": "016-jobs-parse-countdown",
		"count-args": "017-jobs-parse-count-args", "nightly": "018-jobs-parse-nightly",
	} {
		t.Run(job, func(t *testing.T) {
			parsed := parseFile(t, "testdata/jobs/"+job+".nomad.hcl")
			got, err := api.SpecJSON(parsed)
			if err != nil {
				t.Fatal(err)
			}
			equalJSON(t, recordedBody(t, recording), got)
		})
	}
}

func parseFile(t *testing.T, path string) *api.Job {
	t.Helper()
	return parse(t, jobspec.ParseOptions{Path: path, Body: readFile(t, path)})
}

func parse(t *testing.T, options jobspec.ParseOptions) *api.Job {
	t.Helper()
	job, _, err := jobspec.Parse(options)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// equalJSON compares documents: null is not absent, the order of keys does not matter.
func equalJSON(t *testing.T, want, got []byte) {
	t.Helper()
	if diff := cmp.Diff(tree(t, want), tree(t, got)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func tree(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// recordedBody returns what was answered in a recorded exchange.
func recordedBody(t testing.TB, number string) []byte {
	t.Helper()
	e, err := recorded.Get(number)
	if err != nil {
		t.Fatal(err)
	}
	return e.Body
}
