package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// cordon makes nodes without a class ineligible.
type cordon struct{ client reconcile.Client }

// Reconcile reads a snapshot, compares, and writes what is missing.
func (c cordon) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	snap := c.client.Snapshot()
	node, ok := store.Get[*api.Node](snap, (&api.Node{ID: req.ID}).Key())
	if !ok {
		return reconcile.Result{}, nil
	}
	intentKey := (&api.NodeIntent{NodeID: req.ID}).Key()
	intent, ok := store.Get[*api.NodeIntent](snap, intentKey)
	next := planCordon(node, intent)
	if next == nil {
		return reconcile.Result{}, nil // as it should be
	}
	condition := store.Absent(intentKey) // what was read must still hold
	if ok {
		condition = store.Unchanged(intent)
	}
	_, err := c.client.Apply(ctx, store.Txn{
		Conditions: []store.Condition{condition},
		Writes:     []store.Write{store.Put(next)},
	})
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("cordon node %s: %w", req.ID, err)
	}
	return reconcile.Result{}, nil
}

// planCordon decides: values in, values out. intent may be nil.
func planCordon(node *api.Node, intent *api.NodeIntent) *api.NodeIntent {
	eligibility := api.NodeEligible
	if node.NodeClass == "" {
		eligibility = api.NodeIneligible
	}
	if intent != nil && intent.Eligibility == eligibility {
		return nil
	}
	next := &api.NodeIntent{NodeID: node.ID}
	if intent != nil {
		*next = *intent
	}
	next.Eligibility = eligibility
	return next
}

// A controller outside of this tree: declared, registered, and run until the context
// is cancelled.
func Example() {
	s := mem.New(mem.Options{ServerID: "server-1"})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = reconcile.NewController("cordon").
		For(api.KindNode).
		Watches(api.KindNodeIntent, reconcile.SameKey). // so that nobody undoes it
		Writes(api.KindNodeIntent).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return cordon{c} })
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()

	if _, err := s.Apply(ctx, store.Txn{Writes: []store.Write{store.Put(&api.Node{ID: "n1"})}}); err != nil {
		fmt.Println(err)
	}
	feed := s.Watch(0, api.KindNodeIntent)
	defer feed.Close()
	for cordoned := false; !cordoned; {
		changes, _, err := feed.Next(ctx)
		if err != nil {
			fmt.Println(err)
			break
		}
		for _, c := range changes {
			intent := c.New.(*api.NodeIntent)
			fmt.Println(intent.NodeID, intent.Eligibility)
			cordoned = true
		}
	}
	cancel()
	if err := errors.Join(<-ended, s.Close()); err != nil {
		fmt.Println(err)
	}
	// Output: n1 ineligible
}

// Who reads and writes what, for the documentation.
func ExampleWriteGraph() {
	s := mem.New(mem.Options{ServerID: "server-1"})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = reconcile.NewController("cordon").
		For(api.KindNode).
		Watches(api.KindNodeIntent, reconcile.SameKey).
		Writes(api.KindNodeIntent).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return cordon{c} })
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := errors.Join(reconcile.WriteGraph(os.Stdout, m.Graph()), s.Close()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | controller | for | woken by | writes | removes |
	// | --- | --- | --- | --- | --- |
	// | cordon | Node | NodeIntent | NodeIntent |  |
}
