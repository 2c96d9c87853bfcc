package admission_test

import (
	"errors"
	"testing"

	"github.com/droverhq/drover/controllers/admission"
	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
)

// register runs the controllers that carry a job through its life.
func register(m *reconcile.Manager) error {
	return errors.Join(
		admission.Register(m),
		job.Register(m, job.Options{}),
		allocation.Register(m, allocation.Options{}),
		deployment.Register(m, deployment.Options{}),
	)
}

func TestScripts(t *testing.T) { scenario.Run(t, "testdata", register, nil) }
