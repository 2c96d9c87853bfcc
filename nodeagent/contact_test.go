package nodeagent_test

import (
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
)

// lose cuts the agent off from the servers.
func (c *cluster) lose() {
	c.set(func(c *cluster) {
		c.down = true
		c.line.cut()
	})
}

// stopAfter is a service that runs without contact for a time only.
func stopAfter(d time.Duration) *api.Job {
	job := service(nil)
	job.TaskGroups[0].Disconnect = &api.DisconnectStrategy{StopOnClientAfter: &d}
	return job
}

// awaitRunning waits until a number of tasks runs, but not for longer than it may take.
func awaitRunning(t *testing.T, d *simulated.Driver, want int, within time.Duration) {
	t.Helper()
	for waited := time.Duration(0); len(d.Running()) != want; waited += time.Second / 10 {
		if waited > within {
			t.Fatalf("after %v there run %v, want %d", within, d.Running(), want)
		}
		time.Sleep(time.Second / 10)
	}
}

func TestWithoutContactWhatMayRunOnlyForATimeEndsAndTheRestRunsOn(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		a := start(t, onDisk(t, c, d))
		defer a.stop(t)
		<-a.Ready()
		ends, stays := c.run(stopAfter(time.Minute)), c.run(service(nil))
		c.expect(ends, api.AllocClientRunning)
		c.expect(stays, api.AllocClientRunning)
		c.lose()
		time.Sleep(59 * time.Second)
		awaitRunning(t, d, 2, 0)
		awaitRunning(t, d, 1, 10*time.Second)

		c.set(func(c *cluster) { c.down = false })
		time.Sleep(10 * time.Second)
		c.expect(ends, api.AllocClientLost)
		c.expect(stays, api.AllocClientRunning)
	})
}

// A cable that is cut is noticed only when nothing was heard for a time.
func TestTheTimeWithoutContactCountsFromWhenTheServerWasLastHeard(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		a := start(t, onDisk(t, c, d))
		defer a.stop(t)
		<-a.Ready()
		ends := c.run(stopAfter(time.Minute))
		c.expect(ends, api.AllocClientRunning)
		c.set(func(c *cluster) { c.line.hush() })
		time.Sleep(50 * time.Second)
		c.lose()
		time.Sleep(9 * time.Second)
		awaitRunning(t, d, 1, 0)
		awaitRunning(t, d, 0, 10*time.Second)
	})
}

// The time counts from the last contact, whoever had it; and what was ended, or lost
// meanwhile, is not started again.
func TestTheTimeWithoutContactSurvivesARestartOfTheAgent(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		<-a.Ready()
		ends := c.run(stopAfter(time.Minute))
		c.expect(ends, api.AllocClientRunning)
		time.Sleep(time.Minute) // in contact all the time
		awaitRunning(t, d, 1, 0)
		c.lose()
		time.Sleep(30 * time.Second)
		a.stop(t)
		time.Sleep(20 * time.Second)
		a = start(t, o)
		awaitRunning(t, d, 1, 0)
		awaitRunning(t, d, 0, 20*time.Second)
		a.stop(t)

		a = start(t, o)
		defer a.stop(t)
		c.set(func(c *cluster) {
			lost := *c.wanted[ends]
			lost.DesiredStatus, lost.Lost = api.AllocDesiredStop, api.AllocClientLost
			c.wanted[ends] = &lost
			c.down = false
		})
		<-a.Ready()
		time.Sleep(time.Minute)
		c.expect(ends, api.AllocClientLost)
		awaitRunning(t, d, 0, 0)
	})
}

// The task's supervisor died with the agent (the machine was restarted), and while the
// servers could not be asked the allocation was given up.
func TestATaskWhoseSupervisorDiedIsNotStartedAgainAfterItWasLost(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		<-a.Ready()
		lost, wanted := c.run(service(nil)), c.run(service(nil))
		c.expect(lost, api.AllocClientRunning)
		c.expect(wanted, api.AllocClientRunning)
		c.lose()
		a.stop(t)
		d.Forget()

		a = start(t, o)
		defer a.stop(t)
		time.Sleep(time.Hour)
		awaitRunning(t, d, 0, 0)
		c.set(func(c *cluster) {
			gone := *c.wanted[lost]
			gone.DesiredStatus, gone.Lost = api.AllocDesiredStop, api.AllocClientLost
			c.wanted[lost] = &gone
			c.down = false
		})
		<-a.Ready()
		awaitRunning(t, d, 1, 10*time.Second)
		time.Sleep(10 * time.Second)
		c.expect(wanted, api.AllocClientRunning)
		c.expect(lost, api.AllocClientComplete)
	})
}

func TestABatchAllocationEndsWhenItHasRunForAsLongAsItMay(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		a := start(t, o)
		<-a.Ready()
		job := batch(api.Values{"run_for": "1h"})
		job.TaskGroups[0].MaxRunDuration = new(time.Minute)
		id := c.run(job)
		c.expect(id, api.AllocClientRunning)
		time.Sleep(30 * time.Second)
		a.stop(t)
		a = start(t, o)
		defer a.stop(t)
		time.Sleep(25 * time.Second)
		awaitRunning(t, d, 1, 0)
		awaitRunning(t, d, 0, 15*time.Second)
		time.Sleep(10 * time.Second)
		if s := c.expect(id, api.AllocClientComplete); s.ClientDescription != "allocation exceeded max_run_duration" {
			t.Errorf("reported %s: %s", describe(s), s.ClientDescription)
		}
	})
}
