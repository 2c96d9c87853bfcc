package nodehealth_test

import (
	"testing"

	"github.com/droverhq/drover/controllers/nodehealth"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

func TestScripts(t *testing.T) {
	reconciletest.RunScripts(t, "testdata", func(m *reconcile.Manager) error {
		return nodehealth.Register(m, nodehealth.Options{})
	})
}
