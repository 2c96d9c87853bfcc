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
	rollsOut bool               // its deployment goes on
	seen     time.Time          // see health.Instance
}

// groupPlan is what a pass does to a group.
type groupPlan struct {
	told  []*member // leave, once there is room for their successors
	waits bool      // others may leave later
	again time.Time // when to look again; zero: when something changes
}

// plan says who may leave. Of count instances max_parallel may be missing: told to
// leave, not healthy yet, or not there. Who is not healthy himself is missing already,
// so that such ones leave first.
func (g *group) plan(now time.Time) groupPlan {
	var p groupPlan
	var well, unwell []*member // those that may leave
	healthy := 0
	for _, m := range g.members {
		if m.asked() || m.canary() {
			if m.drain != nil && !m.asked() && !m.gone() {
				p.told = append(p.told, m) // not one of those that are counted
			}
			continue
		}
		isWell, again := m.healthy(g.migrate, now)
		p.look(again)
		if isWell {
			healthy++
		}
		switch {
		case m.drain == nil || m.gone() || m.drain.Due(now):
		case isWell:
			well = append(well, m)
		default:
			unwell = append(unwell, m)
		}
	}
	missing := max(0, g.count-healthy)
	limit := api.Deref(g.migrate.MaxParallel)
	first := choose(unwell, limit-(missing-len(unwell)))
	then := choose(well, limit-max(missing, len(first)))
	p.told = slices.Concat(p.told, first, then)
	p.waits = len(first) < len(unwell) || len(then) < len(well)
	if !p.waits {
		p.again = time.Time{}
	}
	return p
}

// choose returns the first n of those that may leave: by the deadlines of their nodes,
// then by name.
func choose(from []*member, n int) []*member {
	slices.SortFunc(from, func(a, b *member) int {
		x, y := a.drain.ForceDeadline, b.drain.ForceDeadline
		if x.IsZero() != y.IsZero() {
			return cmp.Compare(y.Unix(), x.Unix()) // who has no deadline can wait
		}
		return cmp.Or(x.Compare(y), cmp.Compare(a.Index(), b.Index()), strings.Compare(a.ID, b.ID))
	})
	return from[:min(len(from), max(0, n))]
}

// canary reports whether it tries a version out, beside the instances that the group
// has to have.
func (m *member) canary() bool {
	return m.rollsOut && m.DeploymentStatus != nil && m.DeploymentStatus.Canary
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
