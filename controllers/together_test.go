package controllers_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/controllers/deployment"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/controllers/job"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

// removedID is a random ID of an object that a story tells the removal of.
var removedID = regexp.MustCompile(`(?m)^(- \w+) [0-9a-f]{8}-[0-9a-f-]{27}$`)

// The collection of garbage runs beside the controllers that make what it removes.
// Node health is played by the scripts.
func TestWhatIsCollectedDoesNotComeBack(t *testing.T) {
	register := func(m *reconcile.Manager) error {
		return errors.Join(
			job.Register(m, job.Options{WholeBelow: 1}),
			deployment.Register(m, deployment.Options{}),
			allocation.Register(m, allocation.Options{}),
			gc.Register(m, gc.Options{}),
		)
	}
	reconciletest.RunDirectives(t, "testdata", func(t *testing.T) func(datadriven.TestData) string {
		c := scenario.New(t, register)
		return func(d datadriven.TestData) string { return removedID.ReplaceAllString(c.Directive(d), "$1") }
	})
}
