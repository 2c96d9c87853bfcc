package controllers

import (
	"errors"

	"github.com/droverhq/drover/controllers/admission"
	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/drain"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/nodehealth"
	"github.com/droverhq/drover/controllers/periodic"
	"github.com/droverhq/drover/controllers/scaling"
	"github.com/droverhq/drover/reconcile"
)

// Options tune the controllers. The zero value is right for most.
type Options struct {
	Job        job.Options
	Deployment deployment.Options
	Allocation allocation.Options
	NodeHealth nodehealth.Options
	Drain      drain.Options
	GC         gc.Options
}

// Register adds all controllers to a manager.
func Register(m *reconcile.Manager, o Options) error {
	return errors.Join(
		admission.Register(m),
		job.Register(m, o.Job),
		deployment.Register(m, o.Deployment),
		allocation.Register(m, o.Allocation),
		nodehealth.Register(m, o.NodeHealth),
		periodic.Register(m, periodic.Options{}),
		scaling.Register(m),
		drain.Register(m, o.Drain),
		gc.Register(m, o.GC),
	)
}
