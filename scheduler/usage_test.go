package scheduler_test

import (
	"math"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

func TestUsageIsTheMostThatAnyStepNeeds(t *testing.T) {
	task := func(hook string, sidecar bool, cpu, memory, memoryMax int) *api.Task {
		t := &api.Task{Resources: &api.Resources{CPU: &cpu, MemoryMB: &memory, MemoryMaxMB: &memoryMax}}
		if hook != "" {
			t.Lifecycle = &api.TaskLifecycle{Hook: hook, Sidecar: sidecar}
		}
		return t
	}
	for name, c := range map[string]struct {
		tasks []*api.Task
		want  api.Usage
	}{
		"nothing":      {nil, api.Usage{}},
		"no resources": {[]*api.Task{{}}, api.Usage{}},
		"main tasks run together": {
			[]*api.Task{task("", false, 100, 64, 0), task("", false, 50, 32, 0)},
			api.Usage{CPU: 150, MemoryMB: 96},
		},
		"a prestart task is gone when the main task runs": {
			[]*api.Task{task(api.HookPrestart, false, 300, 10, 0), task("", false, 100, 64, 0)},
			api.Usage{CPU: 300, MemoryMB: 64},
		},
		"a sidecar runs beside all": {
			[]*api.Task{task(api.HookPrestart, true, 10, 10, 0), task(api.HookPoststop, false, 30, 5, 0), task("", false, 20, 64, 0)},
			api.Usage{CPU: 40, MemoryMB: 74},
		},
		"a poststart task runs beside the main task": {
			[]*api.Task{task(api.HookPoststart, false, 10, 10, 0), task("", false, 20, 64, 0)},
			api.Usage{CPU: 30, MemoryMB: 74},
		},
		"who has no maximum has what it reserves": {
			[]*api.Task{task("", false, 0, 64, 128), task("", false, 0, 32, 0)},
			api.Usage{MemoryMB: 96, MemoryMaxMB: 160},
		},
		"absurd amounts don't overflow": {
			[]*api.Task{task("", false, math.MaxInt, math.MaxInt, 0), task("", false, math.MaxInt, -1, 0)},
			api.Usage{CPU: 2 << 40, MemoryMB: 1 << 40},
		},
	} {
		if got := scheduler.UsageOf(&api.TaskGroup{Tasks: c.tasks}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
