package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/alloc"
	"github.com/droverhq/drover/nodeagent/checks"
)

// probe is a check that an agent makes. How it does is decided by package checks. Those
// that come to nothing new are passed over.
type probe struct {
	*checks.Check
	at time.Time
}

// servicesOf returns the service of a group, if its tasks are checked: check=flap:40s
// [unwell=2]: after so many failures the task is restarted.
func servicesOf(o Op) []*api.Service {
	if o.value("check") == "" {
		return nil
	}
	c := &api.ServiceCheck{Name: "alive", Type: api.CheckTCP, PortLabel: "80", Interval: 10 * time.Second, Timeout: time.Second}
	if limit := o.int("unwell", 0); limit > 0 {
		c.CheckRestart = &api.CheckRestart{Limit: limit, Grace: new(5 * time.Second)}
	}
	return []*api.Service{{Name: "web", Provider: api.ServiceProviderNomad, Checks: []*api.ServiceCheck{c}}}
}

// healthCheckOf says what counts in a rollout: by=checks.
func healthCheckOf(o Op) string {
	if o.value("by") == api.HealthCheckChecks {
		return api.HealthCheckChecks
	}
	return api.HealthCheckTaskStates
}

// answers says whether a task answers its check, and when that turns next (zero: never),
// by what its job says in CHECK:
//
//	pass      it does
//	fail      it never does
//	late:20s  from when it has run for so long
//	dies:30s  until it has run for so long
//	flap:40s  for so long, and then not for so long, and so on
func answers(check string, started, now time.Time) (ok bool, until time.Time) {
	what, after, _ := strings.Cut(check, ":")
	d, err := time.ParseDuration(after)
	if err != nil {
		d = 20 * time.Second
	}
	turn := started.Add(d)
	before := now.Before(turn)
	switch what {
	case "fail":
		return false, time.Time{}
	case "late", "dies":
		if !before {
			turn = time.Time{}
		}
		return before == (what == "dies"), turn
	case "flap":
		turns := now.Sub(started) / d
		return turns%2 == 0, started.Add(d * (turns + 1))
	}
	return true, time.Time{}
}

// serve brings the checks that are made to what serves now, and adds to a status how they
// do, as package nodeagent does.
func (a *agent) serve(i *instance, s *api.AllocationStatus) {
	g := i.job.Group(i.alloc.TaskGroup)
	if g == nil || len(g.Services) == 0 && len(i.probes) == 0 {
		return
	}
	var now []*probe
	start, ok := i.life.Serves("")
	for _, service := range g.NativeServices() {
		for _, c := range service.Checks {
			if !ok {
				continue
			}
			p := i.probeOf(a.specOf(i, service, c, start), a.world.now)
			if now = append(now, p); p.Result().Status != api.CheckPending {
				s.Checks = append(s.Checks, &api.CheckState{ID: p.Spec().ID, Status: p.Result().Status, Since: p.Result().Since.UnixNano()})
			}
			a.next = min(a.next, p.at.UnixNano())
		}
	}
	i.probes = now
}

func (a *agent) specOf(i *instance, s api.NativeService, c *api.ServiceCheck, start int) checks.Spec {
	spec := checks.Spec{ID: api.CheckID(i.alloc.ID, s.Task, s.Service, c), Type: c.Type, Interval: c.Interval, Timeout: c.Timeout, Start: start}
	if r := c.CheckRestart; r != nil {
		spec.Limit, spec.Grace = r.Limit, api.Deref(r.Grace)
	}
	return spec
}

// probeOf returns the check that is made already, or a new one.
func (i *instance) probeOf(spec checks.Spec, now time.Time) *probe {
	at := slices.IndexFunc(i.probes, func(p *probe) bool { return p.Spec().ID == spec.ID })
	if at < 0 {
		return &probe{Check: checks.NewCheck(spec, now), at: now}
	}
	p := i.probes[at]
	if p.Spec().Start != spec.Start {
		p.Restarted(spec.Start, now)
		p.at = now
	}
	p.Spec().Limit, p.Spec().Grace = spec.Limit, spec.Grace
	return p
}

// probe makes the checks of an instance whose time has come, and reports whether there
// were any.
func (a *agent) probe(i *instance) bool {
	now, made := a.world.now, false
	for _, p := range slices.Clone(i.probes) {
		if p.at.After(now) || !slices.Contains(i.probes, p) {
			continue
		}
		made = true
		ok, until := a.answers(i)
		turned, restart := p.Take(checks.Outcome{OK: ok}, now, now)
		if p.at = p.Due(); p.settled(ok) {
			p.at = next(p.at, p.Spec().Interval, until)
		}
		if turned {
			a.changed(i)
		}
		if restart {
			a.step(i, alloc.Restart{Reason: "healthcheck", Unwell: true})
		}
	}
	return made
}

// answers reports whether an instance answers its check now, and until when that stays so.
func (a *agent) answers(i *instance) (bool, time.Time) {
	started := begin
	for _, t := range i.life.Status().TaskStates {
		if t.StartedAt != nil {
			started = *t.StartedAt
		}
	}
	check := i.env("app")["CHECK"]
	if a.world.healed {
		check = "pass"
	}
	return answers(check, started, a.world.now)
}

// settled reports whether the same outcome again changes nothing.
func (p *probe) settled(ok bool) bool {
	if ok {
		return p.Result().Status == api.CheckSuccess
	}
	return p.Result().Status == api.CheckFailure && p.Spec().Limit == 0
}

// next returns the first of the moments at, at + interval, … that is not before until.
func next(at time.Time, interval time.Duration, until time.Time) time.Time {
	switch {
	case until.IsZero():
		return far
	case until.After(at):
		return at.Add((until.Sub(at) + interval - 1).Truncate(interval))
	}
	return at
}

// far is later than anything that happens.
var far = begin.AddDate(1, 0, 0)

// heal has all tasks do what they are for, or do what their jobs say again.
func (w *World) heal(healed bool) {
	w.healed = healed
	for _, a := range w.fleet.agents {
		for _, i := range a.active {
			for _, p := range i.probes {
				p.at = w.now
				a.next = min(a.next, p.at.UnixNano())
			}
		}
	}
}
