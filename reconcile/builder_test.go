package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

func newManager(t testing.TB) *reconcile.Manager {
	t.Helper()
	s := mem.New(mem.Options{})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "mem"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func nothing(reconcile.Client) reconcile.Reconciler {
	return reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		return reconcile.Result{}, nil
	})
}

func TestMistakesInADeclarationAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		builder *reconcile.Builder
		want    []string
	}{
		{"nothing but a name", reconcile.NewController("c"), []string{`controller "c"`, "For is missing"}},
		{"no name", reconcile.NewController("").For(api.KindJob), []string{"needs a name"}},
		{"two kinds", reconcile.NewController("c").For(api.KindJob).For(api.KindNode), []string{"For is given twice: Job and Node"}},
		{"no mapping", reconcile.NewController("c").For(api.KindJob).Owns(api.KindAllocation, nil), []string{"owns Allocation needs a mapping"}},
		{
			"an output twice", reconcile.NewController("c").For(api.KindJob).Writes(api.KindNode).Writes(api.KindNode, reconcile.Shared),
			[]string{"Writes Node is given twice"},
		},
		{
			"several at once", reconcile.NewController("c").Watches(api.KindNode, nil).Writes(api.KindNode, reconcile.Shared, reconcile.Exclusive),
			[]string{"watches Node needs a mapping", "one ownership, not 2", "For is missing"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.builder.Complete(newManager(t), nothing)
			if err == nil {
				t.Fatal("it was registered")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestKindHasOneExclusiveWriter(t *testing.T) {
	for _, tc := range []struct {
		first, second reconcile.Ownership
		allowed       bool
	}{
		{reconcile.Exclusive, reconcile.Exclusive, false},
		{reconcile.Exclusive, reconcile.Shared, false},
		{reconcile.Shared, reconcile.Exclusive, false},
		{reconcile.Shared, reconcile.Shared, true},
		{reconcile.Exclusive, reconcile.Removes, true},
		{reconcile.Removes, reconcile.Exclusive, true},
		{reconcile.Removes, reconcile.Removes, true},
	} {
		m := newManager(t)
		if err := reconcile.NewController("first").For(api.KindJob).Writes(api.KindJobStatus, tc.first).Complete(m, nothing); err != nil {
			t.Fatal(err)
		}
		err := reconcile.NewController("second").For(api.KindJob).Writes(api.KindJobStatus, tc.second).Complete(m, nothing)
		if (err == nil) != tc.allowed {
			t.Errorf("%s then %s: %v", tc.first, tc.second, err)
		}
		if err != nil && !strings.Contains(err.Error(), `controller "first"`) {
			t.Errorf("error %q does not name the other controller", err)
		}
	}
}

func TestControllerIsRegisteredOnceAndBeforeTheStart(t *testing.T) {
	m := newManager(t)
	register := func(name string) error {
		return reconcile.NewController(name).For(api.KindJob).Complete(m, nothing)
	}
	if err := register("c"); err != nil {
		t.Fatal(err)
	}
	if err := register("c"); err == nil {
		t.Error("a second controller of the same name was registered")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Start(ctx); err != nil {
		t.Errorf("start: %v", err)
	}
	if err := register("d"); err == nil {
		t.Error("a controller was registered after the start")
	}
	if err := m.Start(ctx); err == nil {
		t.Error("the manager was started twice")
	}
}

func TestGraphSaysWhoReadsAndWritesWhat(t *testing.T) {
	m := newManager(t)
	err := reconcile.NewController("job").
		For(api.KindJob).
		Owns(api.KindAllocation, reconcile.SameKey).
		Watches(api.KindNodeStatus, reconcile.SameKey).
		Writes(api.KindJobStatus).
		Writes(api.KindAllocation, reconcile.Shared).
		Complete(m, nothing)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := reconcile.WriteGraph(&b, m.Graph()); err != nil {
		t.Fatal(err)
	}
	want := `| controller | for | woken by | writes | removes |
| --- | --- | --- | --- | --- |
| job | Job | Allocation, NodeStatus | Allocation (shared), JobStatus |  |
`
	if b.String() != want {
		t.Errorf("graph:\n%swant:\n%s", b.String(), want)
	}
}

// What a change costs on its way from the store to the queue, when thousands of them
// concern one key.
func BenchmarkChangeThatMapsToAKnownKey(b *testing.B) {
	s := mem.New(mem.Options{ServerID: "me"})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "me"})
	if err != nil {
		b.Fatal(err)
	}
	mapped, done := 0, make(chan struct{})
	byJob := func(_ store.Snapshot, c store.Change) []reconcile.Request {
		if mapped++; mapped == b.N {
			close(done)
		}
		a := c.New.(*api.Allocation)
		return []reconcile.Request{{Namespace: a.Namespace, ID: a.JobID}}
	}
	if err := reconcile.NewController("c").For(api.KindJob).Owns(api.KindAllocation, byJob).Complete(m, nothing); err != nil {
		b.Fatal(err)
	}
	var writes []store.Write
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = string(rune('a'+i/100)) + string(rune('a'+i/10%10)) + string(rune('a'+i%10))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- m.Start(ctx) }()
	for m.Term() == 0 {
		if err := s.WaitIndex(ctx, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for left := b.N; left > 0; left -= len(writes) {
		writes = writes[:0]
		for i := range min(left, len(ids)) {
			writes = append(writes, store.Put(&api.Allocation{ID: ids[i], Namespace: "default", JobID: "j", NodeID: "n"}))
		}
		b.StopTimer()
		if _, err := s.Apply(ctx, store.Txn{Writes: writes}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	<-done
	b.StopTimer()
	cancel()
	if err := errors.Join(<-ended, s.Close()); err != nil {
		b.Error(err)
	}
}
