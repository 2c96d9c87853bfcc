package gc_test

import (
	"context"
	"testing"

	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
)

func TestNoMoreThanTheLimitsAreKept(t *testing.T) {
	reconciletest.RunScripts(t, "testdata/limits", func(m *reconcile.Manager) error {
		return gc.Register(m, gc.Options{EvalLimit: 2, AllocationLimit: 2, DeploymentLimit: 2, JobLimit: 2})
	})
}

func TestScripts(t *testing.T) {
	force := reconciletest.Verb{Name: "force", Do: func(w *reconciletest.World, _ []string, _ string) error {
		_, err := gc.Force(context.Background(), w.Store, w.Now(), gc.Options{})
		return err
	}}
	reconciletest.RunScripts(t, "testdata", func(m *reconcile.Manager) error {
		return gc.Register(m, gc.Options{})
	}, force)
}
