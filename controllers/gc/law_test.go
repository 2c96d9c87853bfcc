package gc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// now is when the law is checked; everything was written in the week before.
var now = time.Date(2026, 1, 8, 0, 0, 0, 0, time.UTC)

// cluster draws a store full of jobs, versions, allocations, evaluations, deployments
// and nodes in any state, some of which refer to things that are not there.
func cluster(rt *rapid.T) []api.Object {
	var out []api.Object
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, label) }
	id := func(kind string, n int) string {
		return fmt.Sprintf("%s%d", kind, rapid.IntRange(0, n-1).Draw(rt, kind))
	}
	maybe := func(label string) bool { return rapid.Bool().Draw(rt, label) }
	written := func() int64 {
		return now.Add(-time.Duration(rapid.IntRange(0, 7*24*60).Draw(rt, "age")) * time.Minute).UnixNano()
	}
	version := func() uint64 { return uint64(rapid.IntRange(0, 9).Draw(rt, "version")) }

	for j := range rapid.IntRange(0, 4).Draw(rt, "jobs") {
		job, current := fmt.Sprintf("job%d", j), version()
		if maybe("job exists") {
			spec := &api.Job{
				Namespace: new("default"), ID: new(job), Version: new(current), SubmitTime: new(written()),
				Type: new(pick("type", api.JobTypeService, api.JobTypeBatch)), Stop: new(maybe("stopped")),
				TaskGroups: []*api.TaskGroup{{
					Name: new("web"), Count: new(rapid.IntRange(0, 3).Draw(rt, "count")),
				}},
			}
			if maybe("child") {
				spec.ParentID = new(id("job", 4))
			}
			out = append(out, spec)
		}
		if maybe("job has a status") {
			out = append(out, &api.JobStatus{
				Namespace: "default", JobID: job,
				Status: pick("job status", api.JobStatusPending, api.JobStatusRunning, api.JobStatusDead),
			})
		}
		for v := range current + 1 {
			spec := &api.Job{Namespace: new("default"), ID: new(job), Version: new(v)}
			out = append(out, &api.JobVersion{Job: spec, Stable: maybe("stable")})
			if maybe("submission") {
				out = append(out, &api.JobSubmission{Namespace: "default", JobID: job, Version: v})
			}
		}
	}
	for n := range 3 {
		node := fmt.Sprintf("node%d", n)
		out = append(out, &api.Node{ID: node}, &api.NodeStatus{
			NodeID: node, UpdatedAt: written(), Status: pick("node status", api.NodeReady, api.NodeDown),
		})
		if maybe("session") {
			out = append(out, &api.NodeSession{NodeID: node, Connected: maybe("connected")})
		}
	}
	for e := range rapid.IntRange(0, 6).Draw(rt, "evaluations") {
		out = append(out, &api.Evaluation{
			ID: fmt.Sprintf("eval%d", e), Namespace: "default", JobID: id("job", 4), ModifyTime: written(), PreviousEval: id("eval", 8),
			Status: pick("eval status", api.EvalPending, api.EvalBlocked, api.EvalComplete, api.EvalFailed, api.EvalCancelled),
		})
	}
	for d := range rapid.IntRange(0, 4).Draw(rt, "deployments") {
		out = append(out, &api.Deployment{
			ID: fmt.Sprintf("deployment%d", d), Namespace: "default", JobID: id("job", 4), JobVersion: version(), ModifyTime: written(),
			Status: pick("deployment status", api.DeploymentRunning, api.DeploymentFailed, api.DeploymentSuccessful),
		})
	}
	var last []*api.Allocation // that have no successor
	for a := range rapid.IntRange(0, 10).Draw(rt, "allocations") {
		alloc := &api.Allocation{
			ID: fmt.Sprintf("alloc%d", a), Namespace: "default", JobID: id("job", 4), JobVersion: version(), NodeID: id("node", 3),
			TaskGroup: "web", Name: api.AllocName("job", "web", rapid.IntRange(0, 3).Draw(rt, "slot")),
			EvalID: id("eval", 8), DeploymentID: id("deployment", 5), ModifyTime: written(),
			DesiredStatus: pick("desired", api.AllocDesiredRun, api.AllocDesiredStop), Lost: pick("lost", "", "", api.AllocClientLost, api.AllocClientUnknown),
		}
		if n := rapid.IntRange(-1, len(last)-1).Draw(rt, "predecessor"); n >= 0 { // the two are written together
			alloc.PreviousAllocation, last[n].NextAllocation = last[n].ID, alloc.ID
			last = slices.Delete(last, n, n+1)
		} else if maybe("of one that is gone") {
			alloc.PreviousAllocation = "gone"
		}
		out, last = append(out, alloc), append(last, alloc)
		if state := pick("client status", "", api.AllocClientPending, api.AllocClientRunning, api.AllocClientComplete, api.AllocClientFailed); state != "" {
			out = append(out, &api.AllocationStatus{ID: alloc.ID, ClientStatus: state, ModifyTime: written()})
		}
	}
	return out
}

// filled returns a store with a cluster in it, and what was written to it.
func filled(t *testing.T, rt *rapid.T) (*mem.Store, []store.Write) {
	s := mem.New(mem.Options{})
	rt.Cleanup(func() {
		if err := s.Close(); err != nil {
			rt.Error(err)
		}
	})
	var txn store.Txn
	for _, o := range cluster(rt) {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	if _, err := s.Apply(t.Context(), txn); err != nil {
		rt.Fatal(err)
	}
	return s, txn.Writes
}

// live reports whether something goes on with an object in s, and what it then refers
// to. An ended allocation may hold a place in its job for as long as that job is there
// afterwards.
func live(s, afterwards store.Snapshot, o api.Object) (bool, []api.Key) {
	switch o := o.(type) {
	case *api.Allocation:
		status, _ := store.Get[*api.AllocationStatus](s, api.Key{Kind: api.KindAllocationStatus, ID: o.ID})
		state, _ := api.ClientStatus(o, status)
		refers := []api.Key{
			api.JobVersionKey(o.Namespace, o.JobID, o.JobVersion),
			{Kind: api.KindNode, ID: o.NodeID},
			{Kind: api.KindEvaluation, ID: o.EvalID},
		}
		if status != nil {
			refers = append(refers, status.Key())
		}
		if state == api.AllocClientPending || state == api.AllocClientRunning {
			refers = append(refers, api.Key{Kind: api.KindDeployment, ID: o.DeploymentID})
			if state == api.AllocClientPending && o.WantsRun() {
				refers = append(refers, api.Key{Kind: api.KindAllocation, ID: o.PreviousAllocation})
			}
			return true, refers
		}
		job, ok := store.Get[*api.Job](afterwards, api.JobKey(o.Namespace, o.JobID))
		return ok && standsFor(job, o, state), refers[:3]
	case *api.Job:
		status, ok := store.Get[*api.JobStatus](s, api.JobStatusKey("default", *o.ID))
		goes := !ok || status.Status != api.JobStatusDead || (!o.Stopped() && *o.Type == api.JobTypeService)
		refers := []api.Key{api.JobVersionKey("default", *o.ID, *o.Version), api.JobStatusKey("default", *o.ID)}
		if o.ParentID != nil && (!ok || status.Status != api.JobStatusDead) {
			refers = append(refers, api.JobKey("default", *o.ParentID))
		}
		return goes, refers
	case *api.Evaluation:
		return !o.Terminal(), []api.Key{{Kind: api.KindEvaluation, ID: o.PreviousEval}}
	case *api.Deployment:
		return o.Active(), []api.Key{api.JobVersionKey("default", o.JobID, o.JobVersion)}
	case *api.NodeStatus:
		return o.Status != api.NodeDown, []api.Key{{Kind: api.KindNode, ID: o.NodeID}}
	case *api.NodeSession:
		return o.Connected, []api.Key{{Kind: api.KindNode, ID: o.NodeID}, {Kind: api.KindNodeStatus, ID: o.NodeID}}
	}
	return false, nil
}

// standsFor reports whether an ended allocation keeps a job from making another.
func standsFor(job *api.Job, a *api.Allocation, state string) bool {
	group := job.TaskGroups[0]
	if job.Stopped() || a.Index() >= *group.Count {
		return false
	}
	switch batch, current := *job.Type == api.JobTypeBatch, a.JobVersion == *job.Version; state {
	case api.AllocClientComplete:
		return batch && current
	case api.AllocClientFailed:
		return a.WantsRun() && a.NextAllocation == "" && (current || !batch)
	}
	return false
}

// Whatever is in the store and however it is collected: what is live stays, with all
// that it refers to; and collecting again finds nothing.
func TestNothingGoesThatSomethingLiveRefersTo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, objects := filled(t, rt)
		before := s.Snapshot()
		collect := gc.Collect
		if rapid.Bool().Draw(rt, "force") {
			collect = gc.Force
		}
		few := rapid.IntRange(1, 6)
		options := gc.Options{
			PassLimit: rapid.IntRange(1, 100).Draw(rt, "limit"), EvalLimit: few.Draw(rt, "evals kept"),
			AllocationLimit: few.Draw(rt, "allocations kept"), DeploymentLimit: few.Draw(rt, "deployments kept"), JobLimit: few.Draw(rt, "jobs kept"),
		}
		for {
			report, err := collect(t.Context(), s, now, options)
			if err != nil {
				rt.Fatal(err)
			}
			if report.Removed == 0 {
				break
			}
		}
		after := s.Snapshot()
		for _, w := range objects {
			if goesOn, refers := live(before, after, w.Put); goesOn {
				for _, key := range append(refers, w.Put.Key()) {
					_, was := before.Get(key)
					if _, is := after.Get(key); was && !is {
						rt.Fatalf("%s was removed, which %s needs: %+v", key, w.Put.Key(), w.Put)
					}
				}
			}
			if alloc, ok := w.Put.(*api.Allocation); ok {
				_, whole := after.Get(alloc.Key())
				_, part := after.Get(api.Key{Kind: api.KindAllocationStatus, ID: alloc.ID})
				if part && !whole {
					rt.Fatalf("the status of %s was left behind", alloc.Key())
				}
			}
		}
	})
}

// What is written while a pass is under way is not removed: every unit's conditions
// name what was looked at.
func TestCollectionOfAnOldSnapshotRemovesNothingThatChanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, objects := filled(t, rt)
		stale := &staleStore{Store: s, snapshot: s.Snapshot()}
		var rewritten store.Txn
		for _, w := range objects {
			if rapid.Bool().Draw(rt, "written again") {
				rewritten.Writes = append(rewritten.Writes, w)
			}
		}
		if _, err := s.Apply(t.Context(), rewritten); err != nil {
			rt.Fatal(err)
		}
		if _, err := gc.Collect(t.Context(), stale, now, gc.Options{}); err != nil {
			rt.Fatal(err)
		}
		for _, w := range rewritten.Writes {
			if _, ok := s.Snapshot().Get(w.Put.Key()); !ok && w.Put.Key().Kind != api.KindJobSubmission && w.Put.Key().Kind != api.KindNodeIntent {
				rt.Fatalf("%s was removed although it was written meanwhile", w.Put.Key())
			}
		}
	})
}

// staleStore is a replica that is behind: it reads an old state.
type staleStore struct {
	store.Store
	snapshot store.Snapshot
}

func (s *staleStore) Snapshot() store.Snapshot { return s.snapshot }
