package plan

import (
	"testing"
	"time"

	"github.com/droverhq/drover/api"
)

func sample() *api.Job {
	return &api.Job{
		ID: new("shop"), Name: new("shop"), Type: new(api.JobTypeService),
		Datacenters: []string{"dc1"}, NodePool: new(api.DefaultNodePool),
		TaskGroups: []*api.TaskGroup{{
			Name: new("web"), Count: new(2),
			EphemeralDisk: &api.EphemeralDisk{SizeMB: new(300)},
			Tasks: []*api.Task{
				{Name: "app", Driver: "raw_exec", Config: map[string]any{"args": []any{"a", 1}}, Resources: &api.Resources{CPU: new(100)}},
				{Name: "log", Driver: "raw_exec"},
			},
		}},
	}
}

func TestWhatAProcessSeesNeedsANewInstance(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(j *api.Job, g *api.TaskGroup, app *api.Task)
		Want   change
	}{
		"nothing":         {func(*api.Job, *api.TaskGroup, *api.Task) {}, unchanged},
		"count":           {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.Count = new(5) }, unchanged},
		"priority":        {func(j *api.Job, _ *api.TaskGroup, _ *api.Task) { j.Priority = new(90) }, unchanged},
		"update":          {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.Update = &api.UpdateStrategy{} }, unchanged},
		"kill timeout":    {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.KillTimeout = new(time.Minute) }, unchanged},
		"restart policy":  {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.RestartPolicy = &api.RestartPolicy{} }, unchanged},
		"service":         {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.Services = []*api.Service{{Name: "x"}} }, unchanged},
		"order of tasks":  {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.Tasks[0], g.Tasks[1] = g.Tasks[1], g.Tasks[0] }, unchanged},
		"constraint":      {func(j *api.Job, _ *api.TaskGroup, _ *api.Task) { j.Constraints = []*api.Constraint{{Operand: "="}} }, constrained},
		"task constraint": {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.Constraints = []*api.Constraint{{Operand: "="}} }, constrained},
		"datacenters":     {func(j *api.Job, _ *api.TaskGroup, _ *api.Task) { j.Datacenters = []string{"dc2"} }, constrained},
		"pool":            {func(j *api.Job, _ *api.TaskGroup, _ *api.Task) { j.NodePool = new("gpu") }, constrained},
		"env":             {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.Env = map[string]string{"A": "b"} }, different},
		"config":          {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.Config["args"] = []any{"a", 2} }, different},
		"cpu":             {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.Resources.CPU = new(200) }, different},
		"driver":          {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.Driver = "exec" }, different},
		"task gone":       {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.Tasks = g.Tasks[:1] }, different},
		"task renamed":    {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.Name = "app2" }, different},
		"group meta":      {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.Meta = map[string]string{"A": "b"} }, different},
		"job meta":        {func(j *api.Job, _ *api.TaskGroup, _ *api.Task) { j.Meta = map[string]string{"A": "b"} }, different},
		"job name":        {func(j *api.Job, _ *api.TaskGroup, _ *api.Task) { j.Name = new("store") }, different},
		"network":         {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.Networks = []*api.NetworkResource{{Mode: "host"}} }, different},
		"disk":            {func(_ *api.Job, g *api.TaskGroup, _ *api.Task) { g.EphemeralDisk.SizeMB = new(100) }, different},
		"affinity":        {func(j *api.Job, _ *api.TaskGroup, _ *api.Task) { j.Affinities = []*api.Affinity{{LTarget: "x"}} }, different},
		"empty for absent": {func(j *api.Job, _ *api.TaskGroup, app *api.Task) {
			j.Meta, app.Env = map[string]string{}, map[string]string{}
		}, unchanged},
		"number type": {func(_ *api.Job, _ *api.TaskGroup, app *api.Task) { app.Config["args"] = []any{"a", 1.0} }, unchanged},
	} {
		after := sample()
		tc.change(after, after.TaskGroups[0], after.TaskGroups[0].Tasks[0])
		if got := compare(sample(), after, "web"); got != tc.Want {
			t.Errorf("%s: %d, want %d", name, got, tc.Want)
		}
	}
	if compare(nil, sample(), "web") != different {
		t.Error("a version that is gone is taken for the same")
	}
}
