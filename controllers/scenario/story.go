package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// told are the kinds that a story tells of, in its order. Of NodeIntents it tells once
// their node has been drained.
var told = []api.Kind{api.KindAllocation, api.KindEvaluation, api.KindDeployment, api.KindJobStatus, api.KindNodeIntent}

// teller tells what became of a cluster since it was last asked. It names
// evaluations and deployments in the order in which they come up: e1, d1.
type teller struct {
	known map[api.Key]api.Object
	names map[string]string
	count map[byte]int
}

func newTeller() teller {
	return teller{known: make(map[api.Key]api.Object), names: make(map[string]string), count: make(map[byte]int)}
}

// Story tells what became of allocations, evaluations, deployments and the states of
// jobs since the last call.
func (c *Cluster) Story() string { return c.teller.tell(c.Store.Snapshot()) }

func (t *teller) tell(snap store.Snapshot) string {
	for _, kind := range told {
		for _, o := range sorted(snap, kind) {
			t.name(o)
		}
	}
	var out strings.Builder
	for _, kind := range told {
		now := make(map[api.Key]bool)
		objects := sorted(snap, kind)
		for _, o := range objects {
			now[o.Key()] = true
		}
		for _, o := range objects {
			key := o.Key()
			_, modify := o.Indexes()
			old, ok := t.known[key]
			t.known[key] = o
			switch {
			case !ok:
				fmt.Fprintf(&out, "+ %s\n", t.line(snap, o))
			default:
				if _, before := old.Indexes(); before != modify {
					fmt.Fprintf(&out, "~ %s\n", t.line(snap, o))
				}
			}
		}
		for _, key := range slices.SortedFunc(maps.Keys(t.known), func(a, b api.Key) int { return cmp.Compare(a.ID, b.ID) }) {
			if key.Kind == kind && !now[key] {
				delete(t.known, key)
				fmt.Fprintf(&out, "- %s %s\n", kind, key.ID)
			}
		}
	}
	return out.String()
}

// show tells everything that there is of a job.
func (t *teller) show(snap store.Snapshot, job string) string {
	var out strings.Builder
	for _, kind := range told {
		for _, o := range sorted(snap, kind) {
			if t.jobOf(o) == job {
				out.WriteString(t.line(snap, o) + "\n")
			}
		}
	}
	return out.String()
}

func (t *teller) jobOf(o api.Object) string {
	switch o := o.(type) {
	case *api.Allocation:
		return o.JobID
	case *api.Evaluation:
		return o.JobID
	case *api.Deployment:
		return o.JobID
	}
	return o.Key().ID
}

// sorted lists the objects of a kind in an order in which neither random IDs have a
// part, nor which of several jobs was worked on first.
func sorted(snap store.Snapshot, kind api.Kind) []api.Object {
	objects := slices.DeleteFunc(slices.Collect(snap.Scan(store.Query{Kind: kind})), func(o api.Object) bool {
		intent, ok := o.(*api.NodeIntent)
		return ok && intent.LastDrain == nil
	})
	slices.SortStableFunc(objects, func(a, b api.Object) int {
		return strings.Compare(rank(a), rank(b))
	})
	return objects
}

func rank(o api.Object) string {
	create, _ := o.Indexes()
	switch o := o.(type) {
	case *api.Allocation:
		return fmt.Sprintf("%s %s %08d", o.Name, o.NodeID, create)
	case *api.Evaluation:
		return fmt.Sprintf("%s %08d %s", o.JobID, create, o.TriggeredBy)
	case *api.Deployment:
		return fmt.Sprintf("%s %08d", o.JobID, create)
	}
	return o.Key().ID
}

func (t *teller) name(o api.Object) {
	var letter byte
	switch o.(type) {
	case *api.Evaluation:
		letter = 'e'
	case *api.Deployment:
		letter = 'd'
	default:
		return
	}
	if id := o.Key().ID; t.names[id] == "" {
		t.count[letter]++
		t.names[id] = fmt.Sprintf("%c%d", letter, t.count[letter])
	}
}

// line tells of one object.
func (t *teller) line(snap store.Snapshot, o api.Object) string {
	switch o := o.(type) {
	case *api.Allocation:
		return t.allocation(snap, o)
	case *api.Evaluation:
		return t.evaluation(o)
	case *api.Deployment:
		return t.deployment(o)
	case *api.JobStatus:
		return join("job", o.JobID, o.Status, ending(o), counts("queued", o.Queued), progress(o), o.StatusDescription)
	case *api.NodeIntent:
		return join("drain", o.NodeID, o.LastDrain.Status, o.Eligibility)
	}
	return ""
}

// ending says how a batch job ended if it did not complete.
func ending(s *api.JobStatus) string {
	if s.Outcome == api.JobOutcomeComplete {
		return ""
	}
	return s.Outcome
}

// progress says how far indexed groups have got.
func progress(s *api.JobStatus) string {
	var words []string
	for _, group := range slices.Sorted(maps.Keys(s.Indexed)) {
		words = append(words, fmt.Sprintf("%s(%s)", group, s.Indexed[group]))
	}
	return join(words...)
}

func (t *teller) allocation(snap store.Snapshot, a *api.Allocation) string {
	status, _ := store.Get[*api.AllocationStatus](snap, (&api.AllocationStatus{ID: a.ID}).Key())
	client, _ := api.ClientStatus(a, status)
	words := []string{
		"alloc", a.Name, a.NodeID, fmt.Sprintf("v%d", a.JobVersion), a.DesiredStatus, client,
		t.names[a.DeploymentID],
	}
	if d := a.DeploymentStatus; d != nil && d.Canary {
		words = append(words, "canary")
	}
	if d := a.DeploymentStatus; d != nil && d.Healthy != nil {
		words = append(words, map[bool]string{true: "healthy", false: "unhealthy"}[*d.Healthy])
	}
	if a.PreviousAllocation != "" {
		words = append(words, "follows")
		if prev, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: a.PreviousAllocation}); ok {
			words = append(words, prev.NodeID)
		}
	}
	if api.Deref(a.DesiredTransition.Migrate) && a.WantsRun() {
		words = append(words, "leaves")
	}
	if a.NextAllocation != "" {
		words = append(words, "followed")
	}
	if r := a.RescheduleTracker; r != nil {
		words = append(words, fmt.Sprintf("reschedules=%d", len(r.Events)))
	}
	if by, ok := store.Get[*api.Allocation](snap, api.Key{Kind: api.KindAllocation, ID: a.PreemptedByAllocation}); ok {
		return join(append(words, "preempted by", by.Name)...) // the description has its ID, which is random
	}
	return join(append(words, a.DesiredDescription)...)
}

func (t *teller) evaluation(e *api.Evaluation) string {
	words := []string{"eval", t.names[e.ID], e.TriggeredBy, e.Status}
	if p := e.PlanAnnotations; p != nil {
		for _, group := range slices.Sorted(maps.Keys(p.DesiredTGUpdates)) {
			words = append(words, counts(group, updates(p.DesiredTGUpdates[group])))
		}
	}
	words = append(words, counts("queued", e.QueuedAllocations))
	for _, group := range slices.Sorted(maps.Keys(e.FailedTGAllocs)) {
		words = append(words, failure(group, e.FailedTGAllocs[group]))
	}
	if e.BlockedEval != "" {
		words = append(words, "blocked="+t.names[e.BlockedEval])
	}
	if e.PreviousEval != "" && t.names[e.PreviousEval] != "" {
		words = append(words, "after="+t.names[e.PreviousEval])
	}
	return join(append(words, t.names[e.DeploymentID])...)
}

func failure(group string, m *api.AllocationMetric) string {
	why := make(map[string]int)
	maps.Copy(why, m.ConstraintFiltered)
	maps.Copy(why, m.DimensionExhausted)
	return join(counts(fmt.Sprintf("failed:%s+%d", group, m.CoalescedFailures), why), m.Gang)
}

func updates(u *api.DesiredUpdates) map[string]int {
	return map[string]int{
		"ignore": int(u.Ignore), "place": int(u.Place), "migrate": int(u.Migrate), "stop": int(u.Stop),
		"inplace": int(u.InPlaceUpdate), "destroy": int(u.DestructiveUpdate), "reschedule": int(u.RescheduleNow),
		"canary": int(u.Canary), "disconnect": int(u.Disconnect), "reconnect": int(u.Reconnect),
		"preempt": int(u.Preemptions),
	}
}

func (t *teller) deployment(d *api.Deployment) string {
	words := []string{"deployment", t.names[d.ID], d.JobID, fmt.Sprintf("v%d", d.JobVersion), d.Status}
	for _, group := range slices.Sorted(maps.Keys(d.TaskGroups)) {
		s := d.TaskGroups[group]
		canaries := ""
		if s.DesiredCanaries > 0 {
			canaries = fmt.Sprintf(" canaries=%d/%d", len(s.PlacedCanaries), s.DesiredCanaries)
		}
		if s.Promoted {
			canaries += " promoted"
		}
		words = append(words, fmt.Sprintf("%s(%d%s placed=%d healthy=%d unhealthy=%d)",
			group, s.DesiredTotal, canaries, s.PlacedAllocs, s.HealthyAllocs, s.UnhealthyAllocs))
	}
	return join(append(words, d.StatusDescription)...)
}

// counts writes name(key=n …) of what is not 0, or nothing.
func counts(name string, n map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(n)) {
		if n[key] != 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", key, n[key]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return name + "(" + strings.Join(parts, " ") + ")"
}

// join writes words that are not empty.
func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
