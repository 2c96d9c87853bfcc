package nodejob_test

import (
	"testing"

	"github.com/droverhq/drover/examples/nodejob"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

func TestScripts(t *testing.T) { reconciletest.RunScripts(t, "testdata", nodejob.Register) }
