package httpapi

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/reconcile"
)

func TestControllersSayWhatTheyDoAndWhyAKeyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *reconcile.Manager
		c := newCluster(t, func(o *Options) {
			var err error
			if m, err = reconcile.NewManager(reconcile.Options{Store: o.Store, ServerID: "mem"}); err != nil {
				t.Fatal(err)
			}
			o.Controllers = m
		})
		err := reconcile.NewController("web").For(api.KindJob).Watches(api.KindNode, reconcile.SameKey).
			Writes(api.KindJobStatus, reconcile.Shared).
			WithOptions(reconcile.ControllerOptions{Retry: reconcile.RetryOptions{BaseDelay: time.Minute}}).
			Complete(m, func(reconcile.Client) reconcile.Reconciler {
				return reconcile.Func(func(_ context.Context, req reconcile.Request) (reconcile.Result, error) {
					switch req.ID {
					case "bad":
						return reconcile.Result{}, errors.New("no luck")
					case "later":
						return reconcile.Result{RequeueAfter: time.Hour}, nil
					}
					return reconcile.Result{}, nil
				})
			})
		if err != nil {
			t.Fatal(err)
		}
		c.put(testJob("bad"), testJob("later"), testJob("good"))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Start(ctx) }()
		synctest.Wait()
		var list api.ControllerList
		c.get("/v1/operator/controllers", &list)
		r := list.Controllers[0]
		got := fmt.Sprintln(list.Leading, r.Name, r.For, r.Inputs, r.Outputs, r.Queued, r.Working, r.Delayed, r.Passes, r.Retries, r.Errors, r.LastError.Key, r.LastError.Message)
		if want := "true web Job [{Job for} {Node watches}] [{JobStatus shared}] 0 0 2 3 1 1 default/bad no luck\n"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		now := time.Now()
		for written, want := range map[string]string{
			"default/bad":   "default/bad retrying 1m0s 1 no luck true",
			"bad":           "default/bad retrying 1m0s 1 no luck true",
			"default/later": "default/later waiting 1h0m0s 0  true",
			"default/good":  "default/good idle 0s 0  true",
			"default/none":  "default/none idle 0s 0  false",
		} {
			c.get("/v1/operator/controller/web?key="+written, &list)
			k := list.Controllers[0].Key
			left := time.Duration(0)
			if !k.Until.IsZero() {
				left = k.Until.Sub(now)
			}
			if got := fmt.Sprint(k.Key, " ", k.State, " ", left, " ", k.Failures, " ", k.Error, " ", k.Exists); got != want {
				t.Errorf("%s: %s, want %s", written, got, want)
			}
		}
		c.refused("GET", "/v1/operator/controller/none", "", 404, `controller "none" not found`)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		var stopped api.ControllerList
		c.get("/v1/operator/controller/web?key=bad", &stopped)
		if k := stopped.Controllers[0].Key; k != nil {
			t.Errorf("controllers that do not run say %+v", k)
		}
	})
}

func TestAgentWithoutControllersSaysSo(t *testing.T) {
	newCluster(t).refused("GET", "/v1/operator/controllers", "", 501, "controllers: this agent runs none")
}
