package plan

import (
	"slices"

	"github.com/droverhq/drover/api"
)

// Canaries try a version out that is about to replace another one. While a group is on
// trial (its canaries are not promoted) the older version keeps its instances: who is
// lost or fails is followed by one of the version that he had.
//
// A group with a count gets its canaries besides. Each has the number of an instance
// that it is to replace, so that it can take over its slot when it is promoted. Those
// of a rollout that has ended without are stopped. The canaries of a system job are
// the first of its instances that are replaced.

// setApart takes the canaries that are not promoted out of the instances of a group,
// and returns the others. Those of other rollouts than the current one, and of one
// that has ended, are not needed any more.
func (t *tally) setApart(v *View, of []*Instance, current *api.Deployment) []*Instance {
	if !slices.ContainsFunc(of, func(i *Instance) bool { return i.IsCanary() }) {
		return of
	}
	members := make([]*Instance, 0, len(of))
	for _, i := range of {
		d := v.deployment(i.DeploymentID)
		switch {
		case !i.IsCanary() || d == nil || !d.TaskGroups[t.name].OnTrial():
			members = append(members, i)
		case d != current || !d.Active():
			if i.WantsRun() && i.Lost == "" { // also one that failed: it is not to be replaced
				t.surplus = append(t.surplus, i)
			}
		case v.holds(t.group, i):
			t.addCanary(v, i)
		default:
			t.gone = append(t.gone, i)
		}
	}
	for _, c := range t.canaries {
		if c.failed() || c.Lost != "" {
			t.idle = append(t.idle, c)
		}
	}
	return members
}

// addCanary notes a canary that holds a number. Two may, if the node of one was out of
// contact for a while.
func (t *tally) addCanary(v *View, i *Instance) {
	at := slices.IndexFunc(t.canaries, func(c *Instance) bool { return c.Slot == i.Slot })
	if at < 0 {
		t.canaries = append(t.canaries, i)
		return
	}
	outdone := i
	if v.better(t.group, i, t.canaries[at]) {
		outdone, t.canaries[at] = t.canaries[at], i
	}
	if outdone.Live() {
		t.surplus = append(t.surplus, outdone)
	}
}

// onTrial reports whether a group has canaries that are not promoted. d may be nil.
func (t *tally) onTrial(d *api.Deployment) bool {
	return d != nil && d.TaskGroups[t.name].OnTrial()
}

// heldBack reports whether nobody of an older version may be followed by one of the
// current version. d, the deployment of that version, may be nil.
func (t *tally) heldBack(d *api.Deployment) bool {
	return d != nil && d.TaskGroups[t.name] != nil && (!goesOn(d) || t.onTrial(d))
}

// keepVersion gives who follows somebody the version that he had, while the current one
// is held back.
func (t *tally) keepVersion(v *View, current *api.Deployment, w Want) Want {
	if w.from == nil || w.from.JobVersion == v.Current() || !t.heldBack(current) {
		return w
	}
	if had := v.version(w.from.JobVersion); had != nil && had.Group(t.name) != nil {
		w.Older = had
	}
	return w
}

// desiredCanaries is how many canaries a rollout begins with: none if it brings nothing
// new to anybody, or puts in order what a failed rollout left. For a system job they are so
// many percent of the nodes, rounded up.
func (t *tally) desiredCanaries(v *View) int {
	n := api.Deref(t.group.Update.Canary)
	switch {
	case n <= 0 || len(t.destructive) == t.retried || v.restores():
		return 0
	case v.Job.IsSystem():
		return min(len(t.destructive), (t.feasible*n+99)/100)
	}
	return n
}

// restores reports whether the current version is a stable one again, after the rollout
// of the version before it has failed.
func (v *View) restores() bool {
	failed := slices.ContainsFunc(v.deployments, func(d *api.Deployment) bool {
		return d.Status == api.DeploymentFailed && d.JobVersion+1 == v.Current() &&
			d.JobCreateIndex == api.Deref(v.Job.CreateIndex)
	})
	if !failed {
		return false
	}
	for _, stable := range v.stable() {
		if api.SameSpec(stable, v.Job) {
			return true
		}
	}
	return false
}

// tryOut plans the canaries of a group with a count.
func (t *tally) tryOut(v *View, p *Group, current *api.Deployment) {
	if v.Job.IsSystem() || !t.onTrial(current) || !current.Active() {
		return
	}
	for _, c := range t.canaries {
		w := Want{Name: c.Name, Prev: c, from: c, Canary: true}
		switch {
		case c.replaceable():
			w.Why = Rescheduled
			p.Counts.RescheduleNow++
			p.Counts.Place++
			p.Counts.Stop++
		case c.Leaving():
			w.Why = Migrated
			p.Counts.Migrate++
		default:
			p.Counts.Ignore++
			continue
		}
		p.Wants = append(p.Wants, w)
	}
	missing := current.TaskGroups[t.name].DesiredCanaries - len(t.canaries)
	for _, number := range t.numbers(missing) {
		w := Want{Name: api.AllocName(v.Req.ID, t.name, number), Canary: true}
		w.follow(t.lastCanary(number))
		if goesOn(current) || w.Why == Lost || w.Why == Migrated {
			p.Wants = append(p.Wants, w)
			p.Counts.Canary++
		}
	}
}

// numbers chooses the numbers of further canaries: of instances that they are to
// replace, then of slots that nobody holds, then further ones.
func (t *tally) numbers(missing int) []int {
	if missing <= 0 {
		return nil
	}
	used := make(map[int]bool)
	for _, c := range t.canaries {
		used[c.Slot] = true
	}
	count := max(0, api.Deref(t.group.Count))
	var out []int
	choose := func(number int) {
		if len(out) < missing && !used[number] {
			used[number] = true
			out = append(out, number)
		}
	}
	for _, w := range t.destructive {
		if w.Prev.Slot < count {
			choose(w.Prev.Slot)
		}
	}
	for number := 0; len(out) < missing; number++ {
		if !t.taken[number] {
			choose(number)
		}
	}
	return out
}

// lastCanary returns the canary that had a number last, if it is gone, or nil.
func (t *tally) lastCanary(number int) *Instance {
	var last *Instance
	for _, c := range t.gone {
		if c.Slot == number && Newer(c, last) {
			last = c
		}
	}
	return last
}

// canariesLeft is how many instances of a system job may still become canaries.
func (t *tally) canariesLeft(current *api.Deployment) int {
	n := current.TaskGroups[t.name].DesiredCanaries
	for _, i := range t.ofRollout(current) {
		if i.IsCanary() {
			n--
		}
	}
	return max(0, n)
}

// ofRollout returns the instances of the current version that a rollout has made.
func (t *tally) ofRollout(d *api.Deployment) []*Instance {
	var out []*Instance
	for _, i := range slices.Concat(t.current, t.apart) {
		if i.DeploymentID == d.ID {
			out = append(out, i)
		}
	}
	return out
}
