package workload

import (
	"testing"

	"github.com/droverhq/drover/api"
)

func TestATaskReadsWhatIsNamedByItAndNothingElse(t *testing.T) {
	job := &api.Job{TaskGroups: []*api.TaskGroup{{Name: new("g"), Tasks: []*api.Task{{Name: "t"}}}}}
	a := &api.Allocation{Namespace: "n", JobID: "j", TaskGroup: "g"}
	w, ok := Of(a, job, "t")
	if !ok {
		t.Fatal("it has the task")
	}
	for path, may := range map[string]bool{
		"nomad/jobs": true, "nomad/jobs/j": true, "nomad/jobs/j/g": true, "nomad/jobs/j/g/t": true,
		"": false, "nomad": false, "nomad/": false, "nomad/jobs/": false, "nomad/jobs/k": false, "nomad/jobs/j/": false, "nomad/jobs/jj": false,
		"nomad/jobs/j/h": false, "nomad/jobs/j/g/u": false, "nomad/jobs/j/g/t/": false, "nomad/jobs/j/g/t/x": false, "app": false,
	} {
		if w.Reads("n", path) != may {
			t.Errorf("%q: %v", path, !may)
		}
		if w.Reads("m", path) || w.Reads("*", path) || w.Reads("", path) {
			t.Errorf("%q of another namespace", path)
		}
	}
	if _, ok := Of(a, job, "u"); ok {
		t.Error("a task that it does not have")
	}
	job.ParentID = new("parent")
	if w, _ := Of(a, job, "t"); !w.Reads("n", "nomad/jobs/parent") || w.Reads("n", "nomad/jobs/j") {
		t.Error("what was launched has the variables of its parent")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a/b")
	f.Add("/")
	f.Fuzz(func(t *testing.T, token string) {
		if alloc, task, ok := Parse(token); ok && (alloc == "" || task == "" || alloc+"/"+task != token) {
			t.Fatalf("%q: %q, %q", token, alloc, task)
		}
	})
}
