package drain_test

import (
	"errors"
	"testing"

	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/drain"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
)

// register adds the controllers that move instances, with those that ask them to.
func register(m *reconcile.Manager) error {
	return errors.Join(
		drain.Register(m, drain.Options{}),
		job.Register(m, job.Options{WholeBelow: 1}),
		deployment.Register(m, deployment.Options{}),
		allocation.Register(m, allocation.Options{}),
	)
}

func TestScripts(t *testing.T) { scenario.Run(t, "testdata", register, nil) }
