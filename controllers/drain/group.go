package drain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/health"
)

// group is a service group with its instances that should run, on whatever nodes.
type group struct {
	count   int
	migrate *api.MigrateStrategy
	members []*member
}

// member is an instance of a group.
type member struct {
	instance
	spec     *api.TaskGroup     // of the version that it runs; nil if that is gone
	drain    *api.DrainStrategy // of its node; nil if that is not being drained
	rollsOut bool               // the rollout that placed it goes on; one that was raised where it is serves already
	onTrial  bool               // its rollout was not promoted, whether that goes on or has ended
	seen     time.Time          // see health.Instance
}

// groupPlan is what a pass does to a group.
type groupPlan struct {
	told  []*member // leave, once there is room for their successors
	back  []*member // were told to leave, and must not any more
	waits bool      // some are still on draining nodes
	again time.Time // when to look again; zero: when something changes
}

// plan says who may leave. Of count instances max_parallel may be missing: not there,
// not healthy yet, or leaving. Who is not healthy himself is missing already, so that
// such ones leave first. Who was told to leave and found no room yet is asked again: the
// others may not do as well as they did.
func (g *group) plan(now time.Time) groupPlan {
	var p groupPlan
	var well, unwell, apart []*member // those that are to leave
	healthy := 0
	for _, m := range g.members {
		// From a node that is out of reach nobody leaves before it is back; the deadline
		// takes them.
		leaves := m.drain != nil && !m.drain.Due(now) && !m.gone()
		if leaves && m.Lost != "" {
			p.waits, leaves = true, false
		}
		if m.canary() {
			if leaves {
				apart = append(apart, m) // not one of those that are counted
			}
			continue
		}
		if m.asked() && (!leaves || !m.patient()) {
			continue // gone any moment
		}
		isWell, again := m.healthy(g.migrate, now)
		p.look(again)
		if isWell {
			healthy++
		}
		switch {
		case leaves && isWell:
			well = append(well, m)
		case leaves:
			unwell = append(unwell, m)
		}
	}
	missing := max(0, g.count-healthy)
	limit := api.Deref(g.migrate.MaxParallel)
	first := choose(unwell, limit-(missing-len(unwell)))
	then := choose(well, limit-max(missing, first))
	for _, m := range slices.Concat(apart, unwell[:first], well[:then]) {
		if !m.asked() {
			p.told = append(p.told, m)
		}
	}
	for _, m := range slices.Concat(unwell[first:], well[then:]) {
		if m.patient() {
			p.back = append(p.back, m)
		}
	}
	p.waits = p.waits || len(well)+len(unwell)+len(apart) > 0
	if first == len(unwell) && then == len(well) {
		p.again = time.Time{}
	}
	return p
}

// choose puts those that are to leave in order, who has been told before others, then by
// the deadlines of their nodes, then by name. It returns how many of n leave now.
func choose(from []*member, n int) int {
	slices.SortFunc(from, func(a, b *member) int {
		if a.patient() != b.patient() {
			return cmp.Compare(rank(!a.patient()), rank(!b.patient()))
		}
		x, y := a.drain.ForceDeadline, b.drain.ForceDeadline
		if x.IsZero() != y.IsZero() {
			return cmp.Compare(rank(x.IsZero()), rank(y.IsZero()))
		}
		return cmp.Or(x.Compare(y), cmp.Compare(a.Index(), b.Index()), strings.Compare(a.ID, b.ID))
	})
	return min(len(from), max(0, n))
}

// rank puts what comes later behind.
func rank(later bool) int {
	if later {
		return 1
	}
	return 0
}

// canary reports whether it tries a version out, beside the instances that the group
// has to have. When its rollout has failed it is still there for a moment.
func (m *member) canary() bool {
	return m.onTrial && m.DeploymentStatus != nil && m.DeploymentStatus.Canary
}

// healthy reports whether an instance can be counted on and, if that may change by time
// alone, when to look again. Whoever runs for long is judged from when he last began.
func (m *member) healthy(by *api.MigrateStrategy, now time.Time) (bool, time.Time) {
	if m.Lost != "" || m.spec == nil || m.status == nil {
		return false, time.Time{}
	}
	if s := m.DeploymentStatus; m.rollsOut && (s == nil || !api.Deref(s.Healthy)) {
		return false, time.Time{}
	}
	since := time.Unix(0, m.CreateTime)
	if turn := health.LastTurn(m.status); turn.After(since) {
		since = turn
	}
	if since.After(now) {
		since = now
	}
	verdict, again := health.Judge(health.Instance{Group: m.spec, Status: m.status, Since: since, Seen: m.seen}, health.MigrateTerms(by), now)
	return verdict == health.Healthy, again
}

// look notes a moment at which to look again.
func (p *groupPlan) look(at time.Time) {
	if !at.IsZero() && (p.again.IsZero() || at.Before(p.again)) {
		p.again = at
	}
}
