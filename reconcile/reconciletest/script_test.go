package reconciletest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/reconcile/reconciletest"
	"github.com/droverhq/drover/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// asker answers every node with an evaluation of a random ID, a minute after its
// status was written, and fails on the node "bad".
type asker struct{ client reconcile.Client }

func register(m *reconcile.Manager) error {
	return reconcile.NewController("asker").
		For(api.KindNode).
		Watches(api.KindNodeStatus, reconcile.SameKey).
		Writes(api.KindEvaluation).
		WithOptions(reconcile.ControllerOptions{Concurrency: 4}).
		Complete(m, func(c reconcile.Client) reconcile.Reconciler { return asker{c} })
}

func (a asker) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if req.ID == "bad" {
		return reconcile.Result{}, reconcile.Terminal(errors.New("no such luck"))
	}
	snap := a.client.Snapshot()
	if _, ok := store.Get[*api.Node](snap, (&api.Node{ID: req.ID}).Key()); !ok {
		return reconcile.Result{}, nil
	}
	if status, ok := store.Get[*api.NodeStatus](snap, (&api.NodeStatus{NodeID: req.ID}).Key()); ok {
		if left := time.Unix(0, status.UpdatedAt).Add(time.Minute).Sub(a.client.Now()); left > 0 {
			return reconcile.Result{RequeueAfter: left}, nil
		}
	}
	for e := range store.List[*api.Evaluation](snap, store.Query{}) {
		if e.NodeID == req.ID {
			return reconcile.Result{}, nil
		}
	}
	_, err := a.client.Apply(ctx, store.Txn{Writes: []store.Write{store.Put(&api.Evaluation{
		ID: uuid.NewString(), NodeID: req.ID, Status: api.EvalPending, CreateTime: a.client.Now().UnixNano(),
	})}})
	return reconcile.Result{}, err
}

func TestScripts(t *testing.T) {
	double := reconciletest.Verb{Name: "double", Do: func(w *reconciletest.World, args []string, _ string) error {
		if len(args) != 1 {
			return errors.New("double takes a node")
		}
		w.Put(&api.Node{ID: args[0] + "-1"}, &api.Node{ID: args[0] + "-2"})
		return nil
	}}
	reconciletest.RunScripts(t, "testdata", register, double)
}

func TestWorldRunsControllersInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reconciletest.New(t, register, &api.Node{ID: "n1"}, &api.NodeStatus{NodeID: "n1", UpdatedAt: time.Now().UnixNano()})
		count := func() (n int) {
			for range reconciletest.List[*api.Evaluation](w) {
				n++
			}
			return n
		}
		w.Advance(time.Minute - 1)
		if n := count(); n != 0 {
			t.Errorf("%d evaluations before their time", n)
		}
		w.Advance(1)
		if n := count(); n != 1 || w.Elapsed() != time.Minute {
			t.Errorf("%d evaluations after %v", n, w.Elapsed())
		}
		w.Put(reconciletest.Change(w, api.Key{Kind: api.KindNode, ID: "n1"}, func(n *api.Node) { n.Name = "one" }))
		w.Settle()
		if got := reconciletest.Get[*api.Node](w, api.Key{Kind: api.KindNode, ID: "n1"}).Name; got != "one" {
			t.Errorf("the node is called %q", got)
		}
		if s := w.Status("asker"); s.Reconciles != 3 || !s.Leading {
			t.Errorf("status %+v", s)
		}
		if got := fmt.Sprint(w.Graph()[0].For); got != "Node" {
			t.Errorf("the controller is for %s", got)
		}
	})
}
