package nodeagent_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
)

// leaving starts an agent that can be told to leave.
func leaving(t *testing.T, o nodeagent.Options) (leave func(), ended <-chan error) {
	t.Helper()
	a, err := nodeagent.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Start(ctx) }()
	<-a.Ready()
	return func() { cancel(nodeagent.ErrLeave) }, done
}

func system() *api.Job {
	j := service(nil)
	j.Type = new(api.JobTypeSystem)
	return j
}

func TestAnAgentThatLeavesWaitsUntilItsNodeIsDrained(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.Drain = &api.DrainSpec{Deadline: time.Hour}
		leave, ended := leaving(t, o)
		id := c.run(service(nil))
		c.expect(id, api.AllocClientRunning)
		leave()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		c.hangUp() // the next session asks for what is left of the time
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		c.set(func(c *cluster) {
			if len(c.leaves) != 2 || c.leaves[0].Deadline != time.Hour || c.leaves[1].Deadline > 50*time.Minute || c.goodbye {
				t.Errorf("asked %+v, said goodbye: %v", c.leaves, c.goodbye)
			}
		})
		select {
		case <-ended:
			t.Fatal("it ended before its node was drained")
		default:
		}
		c.stop(id)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		s := c.status(id)
		c.set(func(c *cluster) {
			if s.ClientStatus != api.AllocClientComplete || !c.goodbye {
				t.Errorf("reported %s, said goodbye: %v", describe(s), c.goodbye)
			}
		})
	})
}

func TestADrainThatTakesTooLongEndsWithTheAgent(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.Drain = &api.DrainSpec{Deadline: -1}
		leave, ended := leaving(t, o)
		c.expect(c.run(service(nil)), api.AllocClientRunning)
		leave()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		c.set(func(c *cluster) {
			if len(d.Running()) != 1 || c.goodbye || len(c.leaves) != 1 || c.leaves[0].Deadline != -1 {
				t.Errorf("running %v, asked %+v, said goodbye: %v", d.Running(), c.leaves, c.goodbye)
			}
		})
	})
}

func TestWhatADrainLeavesAloneRunsOn(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.Drain = &api.DrainSpec{Deadline: time.Hour, IgnoreSystemJobs: true}
		leave, ended := leaving(t, o)
		c.expect(c.run(system()), api.AllocClientRunning)
		leave()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		c.set(func(c *cluster) {
			if len(d.Running()) != 1 || c.goodbye {
				t.Errorf("running %v, said goodbye: %v", d.Running(), c.goodbye)
			}
		})
	})
}

func TestAnEmptyNodeIsLeftAtOnceAndTakesNothingMore(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.Drain = &api.DrainSpec{}
		leave, ended := leaving(t, o)
		leave()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		c.set(func(c *cluster) {
			if len(c.leaves) != 1 || !c.goodbye {
				t.Errorf("asked %+v, said goodbye: %v", c.leaves, c.goodbye)
			}
		})
	})
}
