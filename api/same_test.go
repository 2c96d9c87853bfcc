package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

func sampleJob() *api.Job {
	return &api.Job{
		ID:      new("shop"),
		Version: new(uint64(1)),
		TaskGroups: []*api.TaskGroup{{
			Name: new("web"), Count: new(3),
			Tasks: []*api.Task{{
				Name: "app", KillTimeout: new(5 * time.Second),
				Config: map[string]any{"args": []any{"a", "b"}, "port": 80, "deep": map[string]any{"x": 1.5}},
			}},
		}},
	}
}

func TestJobIsTheSameAfterJSONAndTheStore(t *testing.T) {
	job := sampleJob()
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON api.Job
	if err := json.Unmarshal(text, &fromJSON); err != nil {
		t.Fatal(err)
	}
	if !api.Same(job, &fromJSON) {
		t.Error("the job is another after JSON")
	}
	stored, err := api.Clone(job)
	if err != nil {
		t.Fatal(err)
	}
	stored.Meta, stored.TaskGroups[0].Constraints = map[string]string{}, []*api.Constraint{}
	if !api.Same(job, stored, "CreateIndex", "ModifyIndex", "JobModifyIndex") {
		t.Error("the job is another after the store")
	}
}

func TestTimesAreComparedByTheMoment(t *testing.T) {
	at := time.Unix(1000, 5)
	utc := at.UTC()
	later := at.Add(1)
	if !api.Same(&api.TaskState{StartedAt: &at}, &api.TaskState{StartedAt: &utc}) {
		t.Error("one moment in two zones is taken for two")
	}
	if api.Same(&api.TaskState{StartedAt: &at}, &api.TaskState{StartedAt: &later}) {
		t.Error("two moments are taken for one")
	}
}

func TestEveryDifferenceOfContentCounts(t *testing.T) {
	for name, change := range map[string]func(*api.Job){
		"number in a config": func(j *api.Job) { j.TaskGroups[0].Tasks[0].Config["port"] = 81 },
		"nested config":      func(j *api.Job) { j.TaskGroups[0].Tasks[0].Config["deep"].(map[string]any)["x"] = 2 },
		"list":               func(j *api.Job) { j.TaskGroups[0].Tasks[0].Config["args"] = []any{"b", "a"} },
		"one key more":       func(j *api.Job) { j.TaskGroups[0].Tasks[0].Config["more"] = nil },
		"pointer to zero":    func(j *api.Job) { j.Priority = new(0) },
		"version":            func(j *api.Job) { j.Version = new(uint64(2)) },
	} {
		changed := sampleJob()
		change(changed)
		if api.Same(sampleJob(), changed) {
			t.Errorf("%s: taken for the same", name)
		}
	}
	changed := sampleJob()
	changed.Version = new(uint64(2))
	if !api.Same(sampleJob(), changed, "Version") {
		t.Error("a field that is left out counts")
	}
}
