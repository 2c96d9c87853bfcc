package nodeagent_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent"
	"github.com/droverhq/drover/nodeagent/disk"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
)

func onDisk(t *testing.T, c *cluster, d *simulated.Driver) nodeagent.Options {
	o := options(t, c, d)
	o.DataDir = t.TempDir()
	return o
}

func TestTheNextAgentPicksUpWhatRunsAndWhatEndedMeanwhile(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		<-a.Ready()
		runs := c.run(service(nil))
		ends := c.run(batch(api.Values{"run_for": "10s", "exit_code": 7}))
		waits := c.run(service(api.Values{"run_for": "1s"}))
		done := c.run(batch(api.Values{"run_for": "1s"}))
		unwanted := c.run(service(nil))
		time.Sleep(2 * time.Second)
		c.expect(runs, api.AllocClientRunning)
		c.expect(ends, api.AllocClientRunning)
		c.expect(waits, api.AllocClientPending)
		c.expect(done, api.AllocClientComplete)
		a.stop(t)
		before := d.Running()

		time.Sleep(time.Minute)
		c.set(func(c *cluster) { delete(c.wanted, unwanted) })
		a = start(t, o)
		defer a.stop(t)
		<-a.Ready()
		time.Sleep(time.Second)
		if s := c.expect(runs, api.AllocClientRunning); s.TaskStates["t"].Restarts != 0 {
			t.Errorf("the task that ran was restarted: %s", describe(s))
		}
		s := c.expect(ends, api.AllocClientPending) // it failed, and waits for its restart
		if events := s.TaskStates["t"].Events; !slices.ContainsFunc(events, func(e *api.TaskEvent) bool { return e.ExitCode == 7 }) {
			t.Errorf("the real exit code is not reported: %s", describe(s))
		}
		c.expect(waits, api.AllocClientRunning)
		c.expect(done, api.AllocClientComplete)
		var same int
		for _, id := range d.Running() {
			if slices.Contains(before, id) {
				same++
			}
		}
		if same != 1 {
			t.Errorf("before %v, now %v", before, d.Running())
		}
	})
}

func TestAfterAMachineRestartTasksAreStartedAgainByTheirPolicy(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		<-a.Ready()
		never := service(nil)
		never.TaskGroups[0].RestartPolicy.Attempts = new(0)
		again, failed := c.run(service(nil)), c.run(never)
		c.expect(again, api.AllocClientRunning)
		a.stop(t)
		d.Forget()

		a = start(t, o)
		defer a.stop(t)
		<-a.Ready()
		time.Sleep(time.Second)
		c.expect(again, api.AllocClientPending)
		c.expect(failed, api.AllocClientFailed)
		time.Sleep(5 * time.Second)
		if s := c.expect(again, api.AllocClientRunning); s.TaskStates["t"].Restarts != 1 {
			t.Errorf("reported %s", describe(s))
		}
	})
}

func TestAnAgentThatDiesInTheMiddleOfAStartStartsNothingTwice(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		var ids []string
		for i := range 20 { // each agent dies a little later in the starts
			a := start(t, o)
			<-a.Ready()
			ids = append(ids, c.run(service(api.Values{"start_delay": "10ms"})))
			time.Sleep(time.Duration(i) * time.Millisecond)
			a.stop(t)
		}
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		time.Sleep(time.Second)
		for _, id := range ids {
			c.expect(id, api.AllocClientRunning)
			n := 0
			for _, task := range d.Running() {
				if strings.HasPrefix(task, id) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("allocation %s runs %d times", id, n)
			}
		}
	})
}

func TestANodeKeepsItsIdentity(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		for range 2 {
			a := start(t, o)
			<-a.Ready()
			a.stop(t)
		}
		c.set(func(c *cluster) {
			if c.hellos[0].ID != c.hellos[1].ID || c.hellos[0].SecretID != c.hellos[1].SecretID || c.hellos[0].SecretID == "" {
				t.Errorf("was %s, is %s", c.hellos[0].ID, c.hellos[1].ID)
			}
		})
	})
}

func TestFilesAndStateCanBeElsewhere(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		o.AllocDir, o.StateDir = filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "s")
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		id := c.run(service(nil))
		c.expect(id, api.AllocClientRunning)
		for _, path := range []string{filepath.Join(o.AllocDir, id, "alloc"), filepath.Join(o.StateDir, "state.db")} {
			if !exists(t, path) {
				t.Errorf("%s is not there", path)
			}
		}
	})
}

func TestADirectoryOfTheOperatorsKeepsItsMode(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		o.AllocDir, o.StateDir = t.TempDir(), t.TempDir()
		for _, dir := range []string{o.AllocDir, o.StateDir} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		for _, dir := range []string{o.AllocDir, o.StateDir} {
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("%s has become %v, %v", dir, info.Mode(), err)
			}
		}
	})
}

func TestTheNextAgentStillHoldsWhatWaitsForOthers(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		<-a.Ready()
		slow := service(api.Values{"stop_delay": "1h"})
		slow.TaskGroups[0].Tasks[0].KillTimeout = new(20 * time.Second)
		first, next, dropped := c.allocation(slow), c.allocation(slow), c.allocation(slow)
		next.PreviousAllocation, dropped.PreviousAllocation = first.ID, first.ID
		c.want(first)
		c.expect(first.ID, api.AllocClientRunning)
		c.want(next)
		c.want(dropped)
		c.stop(first.ID)
		c.forget(dropped.ID)
		synctest.Wait()
		a.stop(t)

		a = start(t, o)
		defer a.stop(t)
		<-a.Ready()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s := c.status(next.ID); s != nil || len(d.Running()) != 1 {
			t.Errorf("began before its time: %s, running %v", describe(s), d.Running())
		}
		time.Sleep(time.Minute)
		c.expect(first.ID, api.AllocClientComplete)
		c.expect(next.ID, api.AllocClientRunning)
		if len(d.Running()) != 1 {
			t.Errorf("running %v", d.Running())
		}
	})
}

func TestFilesOfEndedAllocationsGoOldestFirst(t *testing.T) {
	for _, limit := range []struct {
		name  string
		gc    nodeagent.GCOptions
		after time.Duration
		left  int // of three allocations that ended a minute after each other
	}{
		{"few enough", nodeagent.GCOptions{MaxAllocs: 3}, 5 * time.Minute, 3},
		{"too many", nodeagent.GCOptions{MaxAllocs: 1}, 5 * time.Minute, 1},
		{"too old", nodeagent.GCOptions{MaxAge: 30 * time.Minute}, 28*time.Minute + 30*time.Second, 2},
		{"a full disk, but too recent", nodeagent.GCOptions{DiskUsage: 1e-9}, 5 * time.Minute, 3},
		{"a full disk", nodeagent.GCOptions{DiskUsage: 1e-9}, 8*time.Minute + 30*time.Second, 2},
		{"no inodes left", nodeagent.GCOptions{InodeUsage: 1e-9}, 8*time.Minute + 30*time.Second, 2},
		{"a full disk, and too many", nodeagent.GCOptions{DiskUsage: 1e-9, MaxAllocs: 2}, 5 * time.Minute, 2},
	} {
		if u, err := disk.Of(t.TempDir()); err != nil || limit.gc.InodeUsage > 0 && u.Inodes == 0 {
			t.Logf("not run: %s: the file system here has no number of inodes (%v)", limit.name, err)
			continue
		}
		virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
			o := onDisk(t, c, d)
			o.GC = limit.gc
			a := start(t, o)
			defer a.stop(t)
			<-a.Ready()
			var ids []string
			for range 3 {
				ids = append(ids, c.run(batch(api.Values{"run_for": "1s"})))
				time.Sleep(time.Minute)
			}
			time.Sleep(limit.after)
			synctest.Wait()
			for i, id := range ids {
				_, err := os.Stat(filepath.Join(o.DataDir, "client", "alloc", id))
				if kept, want := err == nil, i >= len(ids)-limit.left; kept != want {
					t.Errorf("%s: files of allocation %d are kept: %v, want %v", limit.name, i, kept, want)
				}
			}
		})
	}
}

func TestFilesOfEndedAllocationsGoWhenSomebodyAsks(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		files := func(id string) bool { return exists(t, filepath.Join(o.DataDir, "client", "alloc", id)) }
		expect := func(path string, status int) {
			t.Helper()
			if w := ask(a, http.MethodPut, path, ""); w.Code != status || status == http.StatusOK && w.Body.Len() > 0 {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		var ended []string
		for range 3 {
			ended = append(ended, c.run(batch(api.Values{"run_for": "1s"})))
		}
		live := c.run(service(nil))
		c.expect(live, api.AllocClientRunning)
		time.Sleep(time.Minute)
		synctest.Wait()
		expect("/v1/client/allocation/"+live+"/gc", http.StatusBadRequest)
		expect("/v1/client/allocation/none/gc", http.StatusNotFound)
		expect("/v1/client/allocation/"+ended[1]+"/gc", http.StatusOK)
		if !files(ended[0]) || files(ended[1]) || !files(ended[2]) {
			t.Error("other files than those of the second are gone")
		}
		expect("/v1/client/gc", http.StatusOK)
		if files(ended[0]) || files(ended[2]) || !files(live) {
			t.Error("other files than those of what has ended are gone")
		}
	})
}

func TestTwoAgentsOnOneDataDirectoryAreRefused(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		second, err := nodeagent.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "another node agent uses the data directory "+o.DataDir) {
			t.Errorf("got %v", err)
		}
	})
}

func TestADamagedIdentityIsNamed(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		path := filepath.Join(o.DataDir, "client", "node-id")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half a UU"), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := nodeagent.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(context.Background()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	})
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

func TestFilesOfEndedAllocationsGoWhenTheyAreTooManyOrForgotten(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		o.GC.MaxAllocs = 2
		a := start(t, o)
		defer func() { a.stop(t) }()
		<-a.Ready()
		files := func(id string) bool {
			return exists(t, filepath.Join(o.DataDir, "client", "alloc", id, "alloc", "logs"))
		}
		var ids []string
		for range 4 {
			ids = append(ids, c.run(batch(api.Values{"run_for": "1s"})))
			time.Sleep(2 * time.Second)
		}
		live := c.run(service(nil))
		c.expect(live, api.AllocClientRunning)
		time.Sleep(time.Minute)
		for i, id := range ids {
			if got, want := files(id), i >= 2; got != want {
				t.Errorf("files of allocation %d are there: %v", i, got)
			}
		}
		if !files(live) {
			t.Error("a running allocation has lost its files")
		}
		// What has lost its files is not begun again when the servers touch it.
		for range 2 {
			changed := *c.wanted[ids[0]]
			changed.NextAllocation += "x"
			c.want(&changed)
			c.expect(ids[0], api.AllocClientComplete)
			if files(ids[0]) {
				t.Error("an allocation was begun again")
			}
			a.stop(t)
			a = start(t, o) // nor by the next agent
			<-a.Ready()
			synctest.Wait()
		}
		c.forget(ids[3])
		synctest.Wait()
		if files(ids[3]) {
			t.Error("a forgotten allocation still has files")
		}
		if entries, err := os.ReadDir(filepath.Join(o.DataDir, "client", "run")); err != nil || len(entries) > 4 {
			t.Errorf("left over: %v, %v", entries, err)
		}
	})
}

func TestAnUpdateInPlaceChangesTheRulesOfARunningTask(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		<-a.Ready()
		j := service(api.Values{"stop_delay": "1h"})
		id := c.run(j)
		c.expect(id, api.AllocClientRunning)
		v1 := service(api.Values{"stop_delay": "1h"})
		v1.ID, v1.Version = j.ID, new(uint64(1))
		v1.TaskGroups[0].Tasks[0].KillTimeout = new(time.Second)
		c.set(func(c *cluster) {
			c.jobs[api.JobVersionKey("default", *j.ID, 1)] = v1
		})
		updated := *c.wanted[id]
		updated.JobVersion = 1
		c.want(&updated)
		synctest.Wait()
		a.stop(t)
		a = start(t, o) // also the next agent knows
		defer a.stop(t)
		<-a.Ready()
		c.stop(id)
		time.Sleep(time.Second)
		if s := c.expect(id, api.AllocClientComplete); s.TaskStates["t"].Restarts != 0 {
			t.Errorf("reported %s", describe(s))
		}
	})
}
