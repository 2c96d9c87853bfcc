package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/cluster"
)

// sleeper is a job of one task whose command line tells it from others.
func sleeper(id string, seconds int) *api.Job {
	return &api.Job{
		ID: new(id), Type: new(api.JobTypeService),
		TaskGroups: []*api.TaskGroup{{
			Name: new("g"),
			Tasks: []*api.Task{{
				Name: "t", Driver: "raw_exec",
				Config:    map[string]any{"command": "/bin/sleep", "args": []string{fmt.Sprint(seconds)}},
				Resources: &api.Resources{CPU: new(1), MemoryMB: new(10)},
			}},
		}},
	}
}

// accepted is a version of a job that was acknowledged.
type accepted struct {
	index, seen uint64 // seen: the index that had to hold; 0 if none
	seconds     int
}

// submit registers a version, and reports whether it was accepted. With check it
// is to replace what is there now, and nothing else.
func submit(ctx context.Context, c *client.Client, job *api.Job, seconds int, check bool) (accepted, bool, error) {
	r := api.JobRegisterRequest{Job: job, EnforceIndex: check}
	if check {
		now, _, err := c.Jobs.Get(ctx, *job.ID, client.Query{})
		if err != nil {
			return accepted{}, false, err
		}
		r.JobModifyIndex = api.Deref(now.JobModifyIndex)
	}
	resp, err := c.Jobs.Register(ctx, r)
	if err != nil && check && strings.Contains(err.Error(), "Enforcing job modify index") {
		return accepted{}, false, nil
	}
	if err != nil {
		return accepted{}, false, err
	}
	return accepted{resp.JobModifyIndex, r.JobModifyIndex, seconds}, true, nil
}

func TestOfTwoWhoApplyAtOnceNoneOverwritesWhatItHasNotSeen(t *testing.T) {
	t.Parallel()
	a := cluster.Start(t, cluster.Options{})
	if _, err := a.Client.Jobs.Register(t.Context(), api.JobRegisterRequest{Job: sleeper("contended", 200000)}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards all
	all := []accepted{}
	var clients sync.WaitGroup
	each := effort(t, 40)
	for who := range 2 {
		clients.Go(func() {
			for i := range each {
				seconds := 200001 + 2*i + who
				got, ok, err := submit(t.Context(), a.Client, sleeper("contended", seconds), seconds, i%4 != 0)
				if err != nil {
					t.Errorf("version %d: %v", seconds, err)
				}
				if ok {
					mu.Lock()
					all = append(all, got)
					mu.Unlock()
				}
			}
		})
	}
	clients.Wait()
	slices.SortFunc(all, func(a, b accepted) int { return int(a.index) - int(b.index) })
	for i, v := range all[1:] {
		if v.index == all[i].index {
			t.Errorf("two versions were accepted at index %d", v.index)
		}
		if v.seen != 0 && v.seen != all[i].index {
			t.Errorf("a version was accepted over index %d that was made for index %d", all[i].index, v.seen)
		}
	}
	last := all[len(all)-1]
	job, _, err := a.Client.Jobs.Get(t.Context(), "contended", client.Query{})
	if err != nil || api.Deref(job.Version) != uint64(len(all)) {
		t.Errorf("version %d, %v; want %d", api.Deref(job.Version), err, len(all))
	}
	want := fmt.Sprintf("/bin/sleep %d", last.seconds)
	a.Await("the last version alone to run", func(context.Context) bool {
		c := a.CommandLines()
		return len(c) == 1 && c[want] == 1
	})
}

func TestARestoredSnapshotIsWhatRuns(t *testing.T) {
	t.Parallel()
	a := cluster.Start(t, cluster.Options{})
	register := func(id string, seconds int) {
		if _, err := a.Client.Jobs.Register(t.Context(), api.JobRegisterRequest{Job: sleeper(id, seconds)}); err != nil {
			t.Error(err)
		}
	}
	register("kept", 300000)
	register("changed", 300001)
	a.AwaitSummary("kept", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	a.AwaitSummary("changed", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })

	var load sync.WaitGroup
	load.Go(func() {
		for i := range 30 {
			register(fmt.Sprintf("load-%d", i), 300100+i)
		}
	})
	file := filepath.Join(t.TempDir(), "state.snap")
	a.Must(0, "operator", "snapshot", "save", file)
	load.Wait()
	register("changed", 300002)
	register("late", 300003)
	a.Must(0, "job", "stop", "-detach", "kept")
	a.Await("what came later to run", func(context.Context) bool {
		c := a.CommandLines()
		return c["/bin/sleep 300000"] == 0 && c["/bin/sleep 300003"] == 1
	})
	a.Must(0, "operator", "snapshot", "restore", file)

	jobs, _, err := a.Client.Jobs.List(t.Context(), client.Query{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, j := range jobs {
		job, _, err := a.Client.Jobs.Get(t.Context(), j.ID, client.Query{})
		if err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprintf("/bin/sleep %v", job.TaskGroups[0].Tasks[0].Config["args"].([]any)[0])] = true
	}
	if !want["/bin/sleep 300000"] || !want["/bin/sleep 300001"] || want["/bin/sleep 300003"] {
		t.Errorf("restored: %v", want)
	}
	a.Await("the node to run what was restored", func(context.Context) bool {
		c := a.CommandLines()
		for line := range want {
			if c[line] != 1 {
				return false
			}
		}
		return len(c) == len(want)
	})
}
