package cli

import (
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
)

func TestAFolderIsAppliedInTheOrderOfDependencies(t *testing.T) {
	for _, test := range []struct{ files, want string }{
		{"c b a", "c b a"},
		{"load:transform other transform:extract extract", "extract transform load other"},
		{"a:elsewhere b", "a b"},
		{"a:b b:a c", "b a c"},
		{"top:l,r l:base r:base base", "base l r top"},
		{"x:here/y y", "y x"},
		{"x:there/y y", "x y"},
	} {
		var jobs []*parsedJob
		for _, file := range strings.Fields(test.files) {
			id, on, _ := strings.Cut(file, ":")
			job := &api.Job{ID: &id}
			for _, other := range strings.FieldsFunc(on, func(r rune) bool { return r == ',' }) {
				d := &api.JobDependency{Job: other}
				if namespace, name, ok := strings.Cut(other, "/"); ok {
					d.Namespace, d.Job = namespace, name
				}
				job.DependsOn = append(job.DependsOn, d)
			}
			jobs = append(jobs, &parsedJob{Job: job})
		}
		var got []string
		for _, j := range inOrder(jobs, "here") {
			got = append(got, *j.Job.ID)
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %s, want %s", test.files, text, test.want)
		}
	}
}
