package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/network/networktest"
	"github.com/droverhq/drover/test/cluster"
)

// apartKills is how often the agent is killed; DROVER_FAULTS=20 makes it 200.
const apartKills = 10

// apartCount is how many instances there are of what goes on.
const apartCount = 3

// apart is instances set apart, with secrets, a template and a network of their own.
// Their command line has the version.
func apart(version int) string {
	return fmt.Sprintf(`
job "apart" { group "g" { count = %d
  update { max_parallel = 3; min_healthy_time = "50ms"; healthy_deadline = "2m"; progress_deadline = "5m" }
  network { mode = "none" }
  task "t" { driver = "exec"
    config { command = "/bin/sh"; args = ["-c", "test \"$SECRET\" = s%[2]d && grep -q s%[2]d /secrets/env && exec sleep %[3]d"] }
    template { data = "SECRET=s%[2]d"; destination = "secrets/env"; env = true }
    template { data = "page %[2]d"; destination = "local/page" }
    resources { cpu = 10; memory = 16 }
  } } }`, apartCount, version, rollingSeconds+version)
}

// noted is instances set apart that end at once, each after a line with its name.
func noted(id string) string {
	return fmt.Sprintf(`
job "%s" { type = "batch"; group "g" { count = %d
  reschedule { attempts = 0; unlimited = false }
  restart { attempts = 0; mode = "fail" }
  volume "notes" { type = "host"; source = "notes" }
  task "t" { driver = "exec"; user = "root"
    config { command = "/bin/sh"; args = ["-c", "echo $NOMAD_ALLOC_ID >> /notes/%[1]s; cat /secrets/s > /dev/null"] }
    volume_mount { volume = "notes"; destination = "/notes" }
    template { data = "s"; destination = "secrets/s" }
    resources { cpu = 1; memory = 16 }
  } } }`, id, notedCount)
}

const notedCount = 2

func TestKilledAtAnyMomentNothingIsLeftOfTasksSetApart(t *testing.T) {
	networktest.Need(t) // as root, in a namespace where all mounts are its own
	r := seeded(t)
	notes := t.TempDir()
	a := cluster.Start(t, cluster.Options{Config: fmt.Sprintf("client {\nhost_volume \"notes\" {\npath = %q\n}\n}", notes)})
	run := func(text string) { a.Must(0, "job", "run", "-detach", jobFile(t, text)) }
	version, batches := 0, []string{}
	for i := range effort(t, apartKills) {
		if a.Cmd == nil {
			a.Launch()
		}
		if i%3 == 0 {
			a.AwaitReady()
			version++
			run(apart(version))
			batches = append(batches, fmt.Sprintf("noted-%d", i))
			run(noted(batches[len(batches)-1]))
		}
		<-moment(r, 1200*time.Millisecond)
		a.Kill()
	}
	a.Start()
	want := fmt.Sprintf("sleep %d", rollingSeconds+version)
	settled := cluster.Poll(t.Context(), 3*cluster.Patience, func(context.Context) bool {
		c := a.CommandLines()
		return len(c) == 1 && c[want] == apartCount
	})
	if !settled {
		t.Fatalf("there are not %d of %q, and nothing else: %v", apartCount, want, a.CommandLines())
	}
	for _, id := range batches {
		a.AwaitSummary(id, "complete", func(g api.TaskGroupSummary) bool { return g.Complete == notedCount })
		eachWrote(t, filepath.Join(notes, id), notedCount, 1)
	}
	ids := a.AllocIDs(append(batches, "apart")...)
	for _, kind := range []string{"mount ", "directory /sys/fs/cgroup/", "directory " + a.Dir} { // it would be seen
		if text := strings.Join(a.Left(ids), "\n"); !strings.Contains(text, kind) {
			t.Errorf("no %s… of what runs:\n%s", kind, text)
		}
	}
	a.Must(0, "job", "stop", "-purge", "-detach", "apart")
	for _, id := range batches {
		a.Must(0, "job", "stop", "-purge", "-detach", id)
	}
	a.Await("all tasks to end", func(context.Context) bool { return len(a.Processes())+len(a.Shims()) == 0 })
	var left []string
	cluster.Poll(t.Context(), cluster.Patience, func(context.Context) bool {
		a.Must(0, "system", "gc")
		left = a.Left(ids)
		return len(left) == 0
	})
	if len(left) > 0 {
		t.Errorf("left on the machine:\n%s", strings.Join(left, "\n"))
	}
}
