package deployment_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
	"github.com/droverhq/drover/store"
)

func register(m *reconcile.Manager) error {
	if err := job.Register(m, job.Options{WholeBelow: 1}); err != nil {
		return err
	}
	return deployment.Register(m, deployment.Options{})
}

func TestScripts(t *testing.T) { scenario.Run(t, "testdata", register, nil) }

// rollOut makes a cluster on which a version of a job of two instances is rolled out.
func rollOut(t *testing.T) *scenario.Cluster {
	t.Helper()
	c := scenario.New(t, register)
	spec := scenario.NewSpec("shop")
	spec.Count = 2
	for _, line := range []string{"node n1", "node n2"} {
		if _, err := c.Do(line); err != nil {
			t.Fatal(err)
		}
	}
	c.Register(spec.Job())
	c.Settle()
	return c
}

func theDeployment(t *testing.T, c *scenario.Cluster) *api.Deployment {
	t.Helper()
	for d := range reconciletest.List[*api.Deployment](c.World) {
		return d
	}
	t.Fatal("there is no deployment")
	return nil
}

// startAt reports both instances running since a moment by their nodes' clocks.
func startAt(c *scenario.Cluster, at time.Time) {
	for _, name := range []string{"shop.web[0]", "shop.web[1]"} {
		s := c.Report(c.Latest(name), api.AllocClientRunning)
		s.TaskStates["app"].StartedAt = &at
		c.Put(s)
	}
	c.Settle()
}

func TestNodeWithItsClockAheadHoldsNoRolloutUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rollOut(t)
		startAt(c, c.Now().Add(time.Hour))
		c.Advance(9 * time.Second)
		if d := theDeployment(t, c); d.Status != api.DeploymentRunning {
			t.Errorf("after 9s of 10s it is %s", d.Status)
		}
		c.Advance(2 * time.Second)
		if d := theDeployment(t, c); d.Status != api.DeploymentSuccessful {
			t.Errorf("after 11s of 10s it is %s", d.Status)
		}
	})
}

func TestNodeWithItsClockBehindIsNotHealthySooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rollOut(t)
		startAt(c, c.Now().Add(-time.Hour))
		c.Advance(9 * time.Second)
		if d := theDeployment(t, c); d.Status != api.DeploymentRunning {
			t.Errorf("after 9s of 10s it is %s", d.Status)
		}
	})
}

func TestRestartedTaskHasToHoldFromItsRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rollOut(t)
		startAt(c, c.Now())
		c.Advance(8 * time.Second)
		startAt(c, c.Now())
		c.Advance(8 * time.Second)
		if d := theDeployment(t, c); d.TaskGroups["web"].HealthyAllocs != 0 {
			t.Errorf("%d are healthy 8s after a restart", d.TaskGroups["web"].HealthyAllocs)
		}
		c.Advance(3 * time.Second)
		if d := theDeployment(t, c); d.Status != api.DeploymentSuccessful {
			t.Errorf("11s after the restart it is %s", d.Status)
		}
	})
}

func TestNothingIsRevertedToANodePoolThatIsGone(t *testing.T) {
	for name, there := range map[string]bool{"the pool is there": true, "the pool is gone": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := scenario.New(t, register)
				c.Put(&api.NodePool{Name: "old"}, &api.NodePool{Name: "new"})
				version := func(pool string) {
					spec := scenario.NewSpec("shop")
					spec.Count = 1
					j := spec.Job()
					j.NodePool = &pool
					j.TaskGroups[0].Update.AutoRevert = new(true)
					c.Register(j)
					c.Settle()
				}
				version("old")
				key := api.JobVersionKey(api.DefaultNamespace, "shop", 0)
				stable := *reconciletest.Get[*api.JobVersion](c.World, key)
				stable.Stable = true
				c.Put(&stable)
				version("new")
				if !there {
					c.Apply(store.Txn{Writes: []store.Write{store.Delete((&api.NodePool{Name: "old"}).Key())}})
				}
				if _, err := c.Do("abort shop"); err != nil {
					t.Fatal(err)
				}
				j := reconciletest.Get[*api.Job](c.World, api.JobKey(api.DefaultNamespace, "shop"))
				if reverted := api.Deref(j.NodePool) == "old"; reverted != there {
					t.Errorf("version %d asks for the pool %s", *j.Version, *j.NodePool)
				}
			})
		})
	}
}

func TestSuccessfulVersionIsStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rollOut(t)
		key := api.JobVersionKey(api.DefaultNamespace, "shop", 0)
		if reconciletest.Get[*api.JobVersion](c.World, key).Stable {
			t.Error("it is stable at once")
		}
		startAt(c, c.Now())
		c.Advance(11 * time.Second)
		if !reconciletest.Get[*api.JobVersion](c.World, key).Stable {
			t.Error("it is not stable after its deployment")
		}
		deadline := theDeployment(t, c).TaskGroups["web"].RequireProgressBy
		if want := 10*time.Minute + 10*time.Second; deadline == nil || deadline.Sub(c.Now().Add(-c.Elapsed())) != want {
			t.Errorf("progress is required by %v, want %v after the start", deadline, want)
		}
	})
}

func TestNothingIsWrittenWhileNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rollOut(t)
		before := c.Store.Snapshot().Index()
		c.Advance(4 * time.Minute)
		if now := c.Store.Snapshot().Index(); now != before {
			t.Errorf("%d transactions in four quiet minutes", now-before)
		}
	})
}

func TestCanaryIsAnInstanceLikeOthersFromItsPromotionOn(t *testing.T) {
	for _, how := range []string{"", "auto_promote"} {
		synctest.Test(t, func(t *testing.T) {
			c := scenario.New(t, register)
			do := func(line string) {
				t.Helper()
				if _, err := c.Do(line); err != nil {
					t.Fatal(err)
				}
				c.Settle()
			}
			run := func() {
				t.Helper()
				do("agents")
				c.Advance(20 * time.Second)
			}
			canaries := func() (n int) {
				for a := range reconciletest.List[*api.Allocation](c.World) {
					if a.WantsRun() && a.IsCanary() {
						n++
					}
				}
				return n
			}
			want := func(status string, promoted bool) {
				t.Helper()
				for d := range reconciletest.List[*api.Deployment](c.World) {
					if g := d.TaskGroups["web"]; d.JobVersion == 1 && (d.Status != status || g.Promoted != promoted || len(g.PlacedCanaries) != 1) {
						t.Errorf("%q: its deployment is %s, promoted %t, with the canaries %v", how, d.Status, g.Promoted, g.PlacedCanaries)
					}
				}
				if n := canaries(); (n == 0) != promoted {
					t.Errorf("%q: %d canaries, promoted %t", how, n, promoted)
				}
			}
			do("node n1")
			do("run shop count=2")
			run()
			do("run shop count=2 canary=1 env=new " + how)
			want(api.DeploymentRunning, false)
			run()
			if how == "" {
				want(api.DeploymentRunning, false)
				do("promote shop")
			}
			want(api.DeploymentRunning, true)
			run()
			want(api.DeploymentSuccessful, true)
			index := c.Store.Snapshot().Index()
			c.Advance(5 * time.Minute)
			if now := c.Store.Snapshot().Index(); now != index {
				t.Errorf("%d transactions after it", now-index)
			}
		})
	}
}

func TestPromotionIsWrittenTogetherWithItsCanaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		for _, line := range []string{"node n1", "run shop", "agents", "advance 20s", "run shop canary=1 env=new", "agents", "advance 20s"} {
			if _, err := c.Do(line); err != nil {
				t.Fatal(err)
			}
			c.Settle()
		}
		snap := c.Store.Snapshot()
		for d := range reconciletest.List[*api.Deployment](c.World) {
			if d.JobVersion != 1 {
				continue
			}
			change, err := deployment.Order{Snapshot: snap, ID: d.ID, Now: c.Now(), NewID: func() string { return "e" }}.Promote(nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range change.Txn.Writes {
				if a, ok := w.Put.(*api.Allocation); ok && !a.IsCanary() && *a.DeploymentStatus.Healthy {
					return
				}
			}
		}
		t.Error("who looks right after a promotion still finds a canary")
	})
}
