package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// A controller for objects of an author-defined kind: it writes their status, which is
// an object of a kind of its own, and looks again when only time has to pass.
func Example_authorDefinedKind() {
	const policy api.Kind = "backup_policy"
	s := mem.New(mem.Options{ServerID: "server-1"})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = reconcile.NewController("backup").
		For(policy).
		Writes(api.StatusKind(policy)).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler {
			return reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
				p, ok := store.Get[*api.Resource](c.Snapshot(), api.Key{Kind: policy, Namespace: req.Namespace, ID: req.ID})
				if !ok {
					return reconcile.Result{}, nil
				}
				status := &api.ResourceStatus{Kind: policy, Namespace: req.Namespace, Name: req.ID, Status: api.Values{"keeps": p.Spec["keep"]}}
				_, err := c.Apply(ctx, store.Txn{
					Conditions: []store.Condition{store.Unchanged(p)},
					Writes:     []store.Write{store.Put(status)},
				})
				return reconcile.Result{RequeueAfter: time.Hour}, err
			})
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	_, err = s.Apply(ctx, store.Txn{Writes: []store.Write{store.Put(&api.Resource{
		Kind: policy, Namespace: "default", Name: "nightly", Spec: api.Values{"keep": int64(7)},
	})}})
	if err != nil {
		fmt.Println(err)
	}
	feed := s.Watch(0, api.StatusKind(policy))
	defer feed.Close()
	changes, _, err := feed.Next(ctx)
	if err != nil {
		fmt.Println(err)
	}
	for _, c := range changes {
		fmt.Println(c.Key, c.New.(*api.ResourceStatus).Status)
	}
	cancel()
	if err := errors.Join(<-ended, s.Close()); err != nil {
		fmt.Println(err)
	}
	// Output: backup_policy.status/default/nightly map[keeps:7]
}

// A change that matters: a node whose meta has changed, and, so that none is missed when
// a term begins, every node that is listed.
func ExampleChanged() {
	matters := reconcile.Or(reconcile.Created, reconcile.Changed(func(before, after *api.Node) bool {
		return before.Meta["gpu"] != after.Meta["gpu"]
	}))
	before, after := &api.Node{ID: "n1"}, &api.Node{ID: "n1", Meta: map[string]string{"gpu": "a100"}}
	fmt.Println(matters(store.Change{New: before}), matters(store.Change{Old: before, New: before}), matters(store.Change{Old: before, New: after}))
	// Output: true false true
}

// A declaration is enforced: two controllers can't both have a kind for themselves.
func ExampleBuilder_Writes() {
	s := mem.New(mem.Options{})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "mem"})
	if err != nil {
		fmt.Println(err)
		return
	}
	none := func(reconcile.Client) reconcile.Reconciler {
		return reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) { return reconcile.Result{}, nil })
	}
	first := reconcile.NewController("first").For(api.KindNode).Writes(api.KindNodeStatus)
	second := reconcile.NewController("second").For(api.KindNode).Writes(api.KindNodeStatus)
	fmt.Println(first.Complete(m, none))
	fmt.Println(second.Complete(m, none))
	if err := s.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// controller "second": writes NodeStatus (exclusive), which controller "first" writes too (exclusive): one of them must not, or both must share it
}

// An error that trying again can't mend.
func ExampleTerminal() {
	err := reconcile.Terminal(errors.New("the spec names no bucket"))
	fmt.Println(reconcile.IsTerminal(fmt.Errorf("back up: %w", err)), err)
	// Output: true the spec names no bucket
}
