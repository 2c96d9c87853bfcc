package nodeagent_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
	"github.com/droverhq/drover/session"
)

func TestAnAllocationIsRunAndReportedAtOnce(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		begin := time.Now()
		id := c.run(service(nil))
		s := c.expect(id, api.AllocClientRunning)
		if spent := time.Since(begin); spent > 0 {
			t.Errorf("it took %v", spent)
		}
		state := s.TaskStates["t"]
		if state.State != api.TaskStateRunning || state.StartedAt == nil || s.ClientDescription != "Tasks are running" || s.NodeID != a.Node().ID {
			t.Errorf("reported %+v", s)
		}
		var types []string
		for _, e := range state.Events {
			types = append(types, e.Type)
		}
		if want := []string{"Received", "Task Setup", "Started"}; !slices.Equal(types, want) {
			t.Errorf("events %v", types)
		}
		if n := c.tally(id).writes; n != 1 {
			t.Errorf("reported %d times until it ran", n)
		}
	})
}

func TestABatchTaskEndsComplete(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		id := c.run(batch(api.Values{"run_for": "3s"}))
		c.expect(id, api.AllocClientRunning)
		time.Sleep(3 * time.Second)
		s := c.expect(id, api.AllocClientComplete)
		if state := s.TaskStates["t"]; state.Failed || state.FinishedAt.Sub(*state.StartedAt) != 3*time.Second {
			t.Errorf("reported %+v", state)
		}
	})
}

func TestATaskIsRestartedByItsPolicyAndThenFails(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		id := c.run(service(api.Values{"run_for": "2s", "exit_code": 3}))
		first := c.expect(id, api.AllocClientRunning).TaskStates["t"].StartedAt
		time.Sleep(2*time.Second + 250*time.Millisecond) // what is not urgent may be a little late
		if s := c.expect(id, api.AllocClientPending); s.TaskStates["t"].Restarts != 1 {
			t.Fatalf("waits for its restart, reported %s", describe(s))
		}
		time.Sleep(5 * time.Second)
		s := c.expect(id, api.AllocClientRunning)
		second := s.TaskStates["t"].StartedAt
		if delay := second.Sub(*first) - 2*time.Second; delay < 4*time.Second || delay > 5*time.Second {
			t.Errorf("restarted after %v, want 4s and up to a quarter", delay)
		}
		time.Sleep(2 * time.Second)
		s = c.expect(id, api.AllocClientFailed)
		last := s.TaskStates["t"].Events[len(s.TaskStates["t"].Events)-1]
		if !s.TaskStates["t"].Failed || last.DisplayMessage != `Exceeded allowed attempts 1 in interval 1m0s and mode is "fail"` {
			t.Errorf("reported %s", describe(s))
		}
	})
}

func TestAStoppedTaskGetsItsTimeAndIsThenKilled(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		slow := service(api.Values{"stop_delay": "1h"})
		slow.TaskGroups[0].Tasks[0].KillTimeout = new(7 * time.Second)
		id := c.run(slow)
		c.expect(id, api.AllocClientRunning)
		c.stop(id)
		time.Sleep(6 * time.Second)
		c.expect(id, api.AllocClientRunning)
		time.Sleep(time.Second)
		s := c.expect(id, api.AllocClientComplete)
		if s.TaskStates["t"].Failed || len(d.Running()) != 0 {
			t.Errorf("reported %s, running %v", describe(s), d.Running())
		}
	})
}

func TestAnAllocationBeginsWhenThoseBeforeItHaveEnded(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		slow := service(api.Values{"stop_delay": "1h"})
		slow.TaskGroups[0].Tasks[0].KillTimeout = new(7 * time.Second)
		first, holder := c.allocation(slow), c.allocation(slow)
		first.Ports = []api.AllocatedPort{{Label: "a", Value: 80, HostIP: "10.0.0.1"}}
		holder.Ports = []api.AllocatedPort{{Label: "a", Value: 81, HostIP: "10.0.0.1"}}
		c.want(first)
		c.want(holder)
		c.expect(first.ID, api.AllocClientRunning)

		successor, sharer, free, dropped := c.allocation(slow), c.allocation(slow), c.allocation(slow), c.allocation(slow)
		preemptor := c.allocation(slow)
		preemptor.PreemptedAllocations = []string{holder.ID, "one that is on no node", first.ID}
		successor.PreviousAllocation = first.ID
		sharer.Ports = holder.Ports
		free.Ports = []api.AllocatedPort{{Label: "a", Value: 81, HostIP: "10.0.0.2"}}
		dropped.PreviousAllocation = first.ID
		for _, alloc := range []*api.Allocation{successor, sharer, free, dropped, preemptor} {
			c.want(alloc)
		}
		c.stop(first.ID)
		c.stop(holder.ID)
		c.expect(free.ID, api.AllocClientRunning)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		for _, alloc := range []*api.Allocation{successor, sharer, preemptor} {
			if s := c.status(alloc.ID); s != nil {
				t.Errorf("began before its time: %s", describe(s))
			}
		}
		c.stop(dropped.ID)
		c.expect(dropped.ID, api.AllocClientComplete)
		time.Sleep(time.Second)
		c.expect(first.ID, api.AllocClientComplete)
		c.expect(successor.ID, api.AllocClientRunning)
		c.expect(sharer.ID, api.AllocClientRunning)
		c.expect(preemptor.ID, api.AllocClientRunning)
	})
}

// clinging is a driver that can't free what is left of its tasks.
type clinging struct{ *simulated.Driver }

func (clinging) Destroy(context.Context, driver.Handle) error { return errors.New("still in use") }

func TestAnAllocationDoesNotWaitForWhatCannotBeFreed(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		a := start(t, options(t, c, clinging{d}))
		defer a.stop(t)
		<-a.Ready()
		j := service(nil)
		first, next := c.allocation(j), c.allocation(j)
		next.PreviousAllocation = first.ID
		c.want(first)
		c.expect(first.ID, api.AllocClientRunning)
		c.want(next)
		c.stop(first.ID)
		c.expect(first.ID, api.AllocClientComplete)
		c.expect(next.ID, api.AllocClientRunning)
	})
}

func TestWhatCannotBeStartedSaysWhy(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		noDriver := service(nil)
		noDriver.TaskGroups[0].Tasks[0].Driver = "docker"
		vault := service(nil)
		vault.TaskGroups[0].Tasks[0].Vault = &api.Vault{}
		for event, id := range map[string]string{
			api.EventValidation:    c.run(service(api.Values{"nonsense": true})),
			api.EventDriverFailure: c.run(service(api.Values{"start_error": "no such program"})),
			"Driver Failure ":      c.run(noDriver),
			api.EventSetupFailure:  c.run(vault),
		} {
			s := c.expect(id, api.AllocClientFailed)
			events := s.TaskStates["t"].Events
			if got := events[len(events)-2]; got.Type != event && got.Type+" " != event || got.DisplayMessage == "" {
				t.Errorf("want %s, reported %s", event, describe(s))
			}
		}
	})
}

func TestALostSessionCostsNothingThatRuns(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		long, short := c.run(service(nil)), c.run(batch(api.Values{"run_for": "10s", "exit_code": 0}))
		c.expect(long, api.AllocClientRunning)
		c.expect(short, api.AllocClientRunning)
		c.set(func(c *cluster) { c.down = true })
		c.hangUp()
		time.Sleep(time.Minute) // short ends meanwhile
		c.set(func(c *cluster) { c.down = false })
		added := c.run(service(nil))
		time.Sleep(6 * time.Second)
		c.expect(short, api.AllocClientComplete)
		c.expect(added, api.AllocClientRunning)
		if s := c.expect(long, api.AllocClientRunning); s.TaskStates["t"].Restarts != 0 || len(d.Running()) != 2 {
			t.Errorf("reported %s, running %v", describe(s), d.Running())
		}
	})
}

func TestAStatusIsSentAgainUntilItIsAcknowledged(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		c.set(func(c *cluster) { c.deaf = true })
		id := c.run(batch(api.Values{"run_for": "1s"}))
		c.expect(id, api.AllocClientRunning)
		time.Sleep(time.Second)
		c.expect(id, api.AllocClientRunning) // the newer one waits for the older one
		c.set(func(c *cluster) { c.deaf = false; clear(c.statuses) })
		c.hangUp()
		time.Sleep(time.Second)
		c.expect(id, api.AllocClientComplete)
		batches := c.tally(id).batches
		c.hangUp()
		time.Sleep(time.Minute)
		if n := c.tally(id).batches; n != batches {
			t.Errorf("%d more batches of what was acknowledged", n-batches)
		}
	})
}

func TestServersThatWentBackToAnOlderStateAreToldAgain(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		long, short := c.run(service(nil)), c.run(batch(api.Values{"run_for": "1s"}))
		older := c.expect(short, api.AllocClientRunning)
		time.Sleep(2 * time.Second)
		c.expect(short, api.AllocClientComplete)
		c.expect(long, api.AllocClientRunning)
		c.set(func(c *cluster) {
			delete(c.statuses, long)
			c.statuses[short] = older
		})
		c.hangUp()
		time.Sleep(time.Second)
		c.expect(short, api.AllocClientComplete)
		c.expect(long, api.AllocClientRunning)
	})
}

func TestWhatTheServersDoNotKnowIsStoppedAndForgotten(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		kept, gone, ended, removed := c.run(service(nil)), c.run(service(nil)), c.run(service(nil)), c.run(service(nil))
		c.expect(removed, api.AllocClientRunning)
		c.forget(removed)
		synctest.Wait()
		if n := len(d.Running()); n != 3 {
			t.Fatalf("%d run after one was removed", n)
		}
		c.set(func(c *cluster) {
			delete(c.wanted, gone)
			c.ended[ended] = true // the servers gave it up while the node was away
		})
		c.hangUp()
		time.Sleep(time.Second)
		c.expect(kept, api.AllocClientRunning)
		if n := len(d.Running()); n != 1 {
			t.Fatalf("%d run, want one", n)
		}
	})
}

func TestAnAllocationThatIsStoppedBeforeItBeganIsReportedEnded(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		c.set(func(c *cluster) { c.down = true })
		c.hangUp()
		synctest.Wait()
		id := c.run(service(nil))
		c.stop(id)
		c.set(func(c *cluster) { c.down = false })
		time.Sleep(10 * time.Second)
		c.expect(id, api.AllocClientComplete)
	})
}

func TestAForgottenJobVersionIsAskedForByANewSession(t *testing.T) {
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		j := batch(nil)
		first := c.run(j)
		c.expect(first, api.AllocClientRunning)
		c.set(func(c *cluster) { c.down = true })
		c.forget(first)
		c.hangUp()
		synctest.Wait()
		c.set(func(c *cluster) {
			c.down = false
			delete(c.jobs, api.JobVersionKey("default", *j.ID, 0))
		})
		time.Sleep(10 * time.Second)
		hellos := c.tally("").hellos
		second := c.run(j)
		c.set(func(c *cluster) { c.sent[api.JobVersionKey("default", *j.ID, 0)] = true })
		c.expect(second, api.AllocClientRunning)
		if n := c.tally("").hellos; n > hellos+1 {
			t.Errorf("%d sessions to get a job", n-hellos)
		}
	})
}

func TestARefusedNodeTriesAgainSlowly(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		c.refuse = &session.Refused{Reason: "another secret"}
		a := start(t, options(t, c, d))
		defer a.stop(t)
		time.Sleep(5 * time.Minute)
		c.set(func(c *cluster) { c.refuse = nil })
		if n := c.tally("").hellos; n < 5 || n > 25 {
			t.Errorf("%d tries in five minutes", n)
		}
		<-a.Ready()
	})
}

// brief is a session that breaks behind the welcome.
type brief struct {
	nodeagent.Session
	welcomed bool
}

func (b *brief) Recv(ctx context.Context) (*session.Frame, error) {
	if b.welcomed {
		return nil, errDown
	}
	b.welcomed = true
	return b.Session.Recv(ctx)
}

func TestSessionsThatBreakAtOnceAreNotOpenedWithoutEnd(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.Dial = func(ctx context.Context, address string) (nodeagent.Session, error) {
			s, err := c.dial(ctx, address)
			return &brief{Session: s}, err
		}
		a := start(t, o)
		defer a.stop(t)
		time.Sleep(time.Minute)
		if n := c.tally("").hellos; n < 5 || n > 40 {
			t.Errorf("%d sessions in a minute", n)
		}
	})
}

func TestADevAgentEndsItsTasksAndSaysGoodbye(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.StopTasks = true
		a := start(t, o)
		<-a.Ready()
		id := c.run(service(api.Values{"stop_delay": "2s"}))
		c.expect(id, api.AllocClientRunning)
		a.stop(t)
		c.expect(id, api.AllocClientComplete)
		if !c.tally(id).goodbye || len(d.Running()) != 0 {
			t.Errorf("goodbye %v, running %v", c.tally(id).goodbye, d.Running())
		}
	})
}

// curt is a session whose other end hangs up as soon as it hears goodbye.
type curt struct{ nodeagent.Session }

func (c curt) Send(ctx context.Context, f *session.Frame) error {
	err := c.Session.Send(ctx, f)
	if f.Goodbye != nil {
		return errDown
	}
	return err
}

func TestAnAgentThatSaidGoodbyeDoesNotComeBack(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.StopTasks = true
		o.Dial = func(ctx context.Context, address string) (nodeagent.Session, error) {
			s, err := c.dial(ctx, address)
			return curt{s}, err
		}
		a := start(t, o)
		<-a.Ready()
		a.stop(t)
		if n := c.tally(""); n.hellos != 1 || !n.goodbye {
			t.Errorf("%d hellos, goodbye %v", n.hellos, n.goodbye)
		}
	})
}

func TestAnAgentLeavesItsTasksToTheNextOne(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		a := start(t, options(t, c, d))
		<-a.Ready()
		id := c.run(service(nil))
		c.expect(id, api.AllocClientRunning)
		a.stop(t)
		if c.tally(id).goodbye || len(d.Running()) != 1 {
			t.Errorf("goodbye %v, running %v", c.tally(id).goodbye, d.Running())
		}
	})
}
