package scenario_test

import (
	"testing"

	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
)

// TestControllersTogether runs the controllers that carry a job through its life.
func TestControllersTogether(t *testing.T) {
	scenario.Run(t, "testdata", func(m *reconcile.Manager) error {
		if err := job.Register(m, job.Options{WholeBelow: 1}); err != nil {
			return err
		}
		if err := allocation.Register(m, allocation.Options{}); err != nil {
			return err
		}
		return deployment.Register(m, deployment.Options{})
	}, nil)
}
