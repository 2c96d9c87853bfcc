package allocation_test

import (
	"testing"

	"github.com/droverhq/drover/controllers/allocation"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

func TestScripts(t *testing.T) {
	reconciletest.RunScripts(t, "testdata", func(m *reconcile.Manager) error {
		return allocation.Register(m, allocation.Options{})
	})
}
