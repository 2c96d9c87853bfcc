package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// gauged counts the objects that are written to a store at the same time. A write lasts
// until all others have come as far as they do.
type gauged struct {
	store.Store
	now, most atomic.Int64
	proceed   chan struct{}
}

func (g *gauged) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	n := int64(len(txn.Writes))
	now := g.now.Add(n)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
	<-g.proceed
	defer g.now.Add(-n)
	return g.Store.Apply(ctx, txn)
}

func TestOnlySoManyObjectsAreWrittenAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{})
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		g := &gauged{Store: s, proceed: make(chan struct{})}
		throttled := store.Throttle(g, 10)
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() {
				var txn store.Txn
				for i := range 3 + 4*(w%4) { // 3, 7, 11 and 15
					txn.Writes = append(txn.Writes, store.Put(&api.Namespace{Name: fmt.Sprintf("%d-%d", w, i)}))
				}
				if _, err := throttled.Apply(t.Context(), txn); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := throttled.Apply(ended, store.Txn{Writes: []store.Write{store.Put(&api.Namespace{Name: "late"})}}); !errors.Is(err, context.Canceled) {
			t.Errorf("who gives up waiting gets %v", err)
		}
		close(g.proceed)
		writers.Wait()
		if most := g.most.Load(); most != 15 { // which goes alone
			t.Errorf("%d objects were written at a time", most)
		}
		if n := store.Count[*api.Namespace](s.Snapshot(), store.Query{}); n != 2*(3+7+11+15) {
			t.Errorf("%d objects were written", n)
		}
	})
}
