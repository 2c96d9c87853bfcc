package admission_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/admission"
	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// register runs the controllers that carry a job through its life.
func register(m *reconcile.Manager) error {
	return errors.Join(
		admission.Register(m),
		job.Register(m, job.Options{WholeBelow: 1}),
		allocation.Register(m, allocation.Options{}),
		deployment.Register(m, deployment.Options{}),
	)
}

func TestScripts(t *testing.T) { scenario.Run(t, "testdata", register, nil) }

// What is dispatched of a job that is periodic, too, runs nothing itself: it takes no
// place, and waits for none. Its launches do.
func TestOfAPeriodicJobThatWasDispatchedTheLaunchesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := scenario.New(t, register)
		if _, err := c.Do("node n1"); err != nil {
			t.Fatal(err)
		}
		job := func(id, parent string, periodic bool) {
			spec := scenario.NewSpec(id)
			j := spec.Job()
			j.Type, j.ParentID, j.Dispatched = new(api.JobTypeBatch), &parent, parent != ""
			j.ParameterizedJob = &api.ParameterizedJobConfig{MaxConcurrent: new(1)}
			if periodic {
				j.Periodic = &api.PeriodicConfig{Specs: []string{"0 3 * * *"}}
			}
			c.Register(j)
			c.Settle()
		}
		job("nightly", "", true)
		for _, id := range []string{"red", "blue"} {
			job(id, "nightly", true)
			for _, launch := range []string{id + "-1", id + "-2"} {
				job(launch, id, false)
			}
		}
		c.Restart() // the next leader looks at all of them
		c.Settle()
		for id, want := range map[string]bool{"red-1": true, "red-2": false, "blue-1": true, "blue-2": false} {
			if a := reconciletest.Get[*api.JobAdmission](c.World, api.JobAdmissionKey(api.DefaultNamespace, id)); a == nil || a.Admitted != want {
				t.Errorf("%s: %+v, want admitted %t", id, a, want)
			}
		}
		for a := range reconciletest.List[*api.JobAdmission](c.World) {
			if a.JobID == "red" || a.JobID == "blue" {
				t.Errorf("%s, which runs nothing, has a place or waits for one: %+v", a.JobID, a)
			}
		}
	})
}
