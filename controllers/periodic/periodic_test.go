package periodic_test

import (
	"testing"
	_ "time/tzdata"

	"github.com/droverhq/drover/controllers/periodic"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

func register(m *reconcile.Manager) error { return periodic.Register(m, periodic.Options{}) }

func TestScripts(t *testing.T) { reconciletest.RunScripts(t, "testdata", register) }
