package room

import (
	"slices"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store"
)

// forgetHomes lets the wants go anywhere whose sticky volumes were on a node that is gone
// for good.
func forgetHomes(g *plan.Group, snap store.Snapshot) {
	for i := range g.Wants {
		w := &g.Wants[i]
		if w.Home == "" {
			continue
		}
		if _, ok := snap.Get(api.Key{Kind: api.KindNode, ID: w.Home}); !ok {
			w.Home = ""
		}
	}
}

// bereft returns the jobs in line that wait for a node which is gone.
func (f *Fleet) bereft(node string) []reconcile.Request {
	var woken []reconcile.Request
	for req, w := range f.line.waiting {
		if slices.ContainsFunc(w.needs, func(n need) bool { return n.nodes[node] && !n.job.IsSystem() }) {
			woken = append(woken, req)
		}
	}
	slices.SortFunc(woken, reconcile.Request.Compare)
	return woken
}
