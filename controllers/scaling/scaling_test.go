package scaling_test

import (
	"testing"

	"github.com/droverhq/drover/controllers/scaling"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

func TestScripts(t *testing.T) { reconciletest.RunScripts(t, "testdata", scaling.Register) }
