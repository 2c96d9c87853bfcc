package jobspec_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
)

// planned is what of a recorded plan is compared: the job that was planned is in
// the file of jobs.
type planned struct {
	Diff *api.JobDiff
}

func TestDiffOfANewJobIsTheRecordedOne(t *testing.T) {
	for file, recording := range map[string]string{"hello": "024-job-plan-create", "unplaceable": "095-job-plan-unplaceable"} {
		t.Run(file, func(t *testing.T) {
			var want planned
			if err := json.Unmarshal(recordedBody(t, recording), &want); err != nil {
				t.Fatal(err)
			}
			equalDiff(t, want.Diff, jobspec.Diff(nil, storedJob(t, file)))
		})
	}
}

func TestDiffOfAChangedJobIsTheRecordedOne(t *testing.T) {
	for _, test := range []struct {
		file, recording string
		change          func(*api.Job)
	}{
		{"hello", "066-job-plan-update", func(job *api.Job) {
			job.TaskGroups[0].Count = new(2)
			job.TaskGroups[0].Tasks[0].Env = map[string]string{"A": "b"}
		}},
		{"canary", "083-job-plan-canary", func(job *api.Job) { job.TaskGroups[0].Tasks[0].Env = map[string]string{"V": "2"} }},
	} {
		t.Run(test.file, func(t *testing.T) {
			var want planned
			if err := json.Unmarshal(recordedBody(t, test.recording), &want); err != nil {
				t.Fatal(err)
			}
			old, changed := storedJob(t, test.file), storedJob(t, test.file)
			test.change(changed)
			equalDiff(t, want.Diff, jobspec.Diff(old, changed))
		})
	}
}

func TestDiffOfVersionsIsTheRecordedOne(t *testing.T) {
	var want api.JobVersionsResponse
	if err := json.Unmarshal(recordedBody(t, "069-job-versions-2"), &want); err != nil {
		t.Fatal(err)
	}
	equalDiff(t, want.Diffs[0], jobspec.Diff(want.Versions[1], want.Versions[0]))
}

func storedJob(t *testing.T, name string) *api.Job {
	t.Helper()
	job := parseFile(t, "testdata/jobs/"+name+".nomad.hcl")
	jobspec.Canonicalize(job)
	jobspec.AddImplicitConstraints(job)
	return job
}

// equalDiff compares without the annotations, which a plan adds, and without the
// order of blocks of the same name.
func equalDiff(t *testing.T, want, got *api.JobDiff) {
	t.Helper()
	for _, diff := range []*api.JobDiff{want, got} {
		for _, group := range diff.TaskGroups {
			group.Updates = nil
			for _, field := range group.Fields {
				field.Annotations = nil
			}
			slices.SortStableFunc(group.Objects, func(a, b *api.ObjectDiff) int {
				if a.Name != b.Name || a.Name != "Constraint" {
					return 0
				}
				return strings.Compare(mustJSON(t, a), mustJSON(t, b))
			})
			for _, task := range group.Tasks {
				task.Annotations = nil
			}
		}
	}
	equalJSON(t, []byte(mustJSON(t, want)), []byte(mustJSON(t, got)))
}

func TestDiffBackwardsSaysTheOpposite(t *testing.T) {
	files := glob(t, "testdata/*/*.nomad.hcl")
	var jobs []*api.Job
	for _, file := range files {
		job, _, err := jobspec.Parse(jobspec.ParseOptions{Path: file, Body: readFile(t, file)})
		if err != nil {
			continue
		}
		jobspec.Canonicalize(job)
		jobs = append(jobs, job)
	}
	opposite := map[string]string{api.DiffAdded: api.DiffDeleted, api.DiffDeleted: api.DiffAdded}
	for _, a := range jobs {
		for _, b := range jobs {
			there, back := leaves(jobspec.Diff(a, b)), leaves(jobspec.Diff(b, a))
			if len(there) != len(back) {
				t.Errorf("%s and %s: %d changes, backwards %d", *a.ID, *b.ID, len(there), len(back))
			}
			for leaf, n := range there {
				reverse := fieldChange{leaf.path, leaf.kind, leaf.new, leaf.old}
				if other, ok := opposite[leaf.kind]; ok {
					reverse.kind = other
				}
				if back[reverse] != n {
					t.Errorf("%s and %s: %+v is not reversed", *a.ID, *b.ID, leaf)
				}
			}
		}
	}
}

type fieldChange struct{ path, kind, old, new string }

// leaves counts the field changes of a difference.
func leaves(diff *api.JobDiff) map[fieldChange]int {
	out := map[fieldChange]int{}
	fields := func(path string, list []*api.FieldDiff) {
		for _, f := range list {
			out[fieldChange{path + "/" + f.Name, f.Type, f.Old, f.New}]++
		}
	}
	var objects func(path string, list []*api.ObjectDiff)
	objects = func(path string, list []*api.ObjectDiff) {
		for _, o := range list {
			fields(path+"/"+o.Name, o.Fields)
			objects(path+"/"+o.Name, o.Objects)
		}
	}
	fields("", diff.Fields)
	objects("", diff.Objects)
	for _, g := range diff.TaskGroups {
		fields(g.Name, g.Fields)
		objects(g.Name, g.Objects)
		for _, task := range g.Tasks {
			fields(g.Name+"/"+task.Name, task.Fields)
			objects(g.Name+"/"+task.Name, task.Objects)
		}
	}
	return out
}

func TestDiffShowsTheRestOfABlockThatChanged(t *testing.T) {
	old, changed := storedJob(t, "canary"), storedJob(t, "canary")
	changed.TaskGroups[0].Tasks[0].Config["args"] = []any{"100001"}
	changed.TaskGroups[0].RestartPolicy.Attempts = new(9)
	changed.TaskGroups[0].Tasks[0].RestartPolicy.Attempts = new(9)
	diff := jobspec.Diff(old, changed)
	task := diff.TaskGroups[0].Tasks[0]
	want := `[{"Type":"Edited","Name":"Config","Fields":[` +
		`{"Type":"Edited","Name":"args[0]","Old":"100000","New":"100001","Annotations":null},` +
		`{"Type":"None","Name":"command","Old":"/bin/sleep","New":"/bin/sleep","Annotations":null}],"Objects":null}]`
	if got := mustJSON(t, task.Objects); got != want {
		t.Errorf("want %s\ngot  %s", want, got)
	}
	if len(diff.TaskGroups[0].Objects) != 1 || diff.TaskGroups[0].Objects[0].Name != "RestartPolicy" {
		t.Errorf("a change of the group's policy is shown as %s", mustJSON(t, diff.TaskGroups[0].Objects))
	}
}

func TestUnchangedGroupsAndTasksAreInADiff(t *testing.T) {
	job := storedJob(t, "countdown")
	diff := jobspec.Diff(job, job)
	if diff.Type != api.DiffNone || diff.TaskGroups[0].Type != api.DiffNone || len(diff.TaskGroups[0].Tasks) != 2 {
		t.Errorf("got %s", mustJSON(t, diff))
	}
}
