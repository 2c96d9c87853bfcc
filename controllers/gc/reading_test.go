package gc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// ending is a store whose reader ends as soon as it has begun to read.
type ending struct {
	*mem.Store
	end context.CancelFunc
}

func (s ending) Snapshot() store.Snapshot {
	s.end()
	return s.Store.Snapshot()
}

func TestWhoEndsRemovesNothingMore(t *testing.T) {
	s := mem.New(mem.Options{})
	var txn store.Txn
	for n := range 3 {
		txn.Writes = append(txn.Writes, store.Put(&api.Evaluation{ID: fmt.Sprint(n), Namespace: "default", JobID: "gone", Status: api.EvalComplete}))
	}
	if _, err := s.Apply(t.Context(), txn); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	report, err := gc.Collect(ctx, ending{s, cancel}, now, gc.Options{EvalThreshold: time.Minute})
	if !errors.Is(err, context.Canceled) || report.Removed != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if report, err = gc.Collect(t.Context(), s, now, gc.Options{EvalThreshold: time.Minute}); err != nil || report.Removed != 3 {
		t.Errorf("when nobody ends: %+v, %v", report, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
