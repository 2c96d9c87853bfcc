package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// describe tells of a change in one line.
func describe(c change) string {
	mark := "~"
	switch {
	case c.old == nil:
		mark = "+"
	case c.new == nil:
		mark = "-"
	}
	return fmt.Sprintf("%-9s %s %s", c.who, mark, describeObject(orOld(c)))
}

func describeObject(o api.Object) string {
	switch o := o.(type) {
	case *api.Allocation:
		return describeAllocation(o)
	case *api.AllocationStatus:
		return fmt.Sprintf("status %s %s %s", short(o.ID), o.NodeID[:8], describeStatus(o))
	case *api.Evaluation:
		return fmt.Sprintf("eval %s %s %s %s", short(o.ID), o.JobID, o.TriggeredBy, o.Status)
	case *api.Deployment:
		return describeDeployment(o)
	case *api.Job:
		return fmt.Sprintf("job %s v%d stopped=%t", *o.ID, api.Deref(o.Version), o.Stopped())
	case *api.JobVersion:
		return describeVersion(o)
	case *api.JobStatus:
		return describeJobStatus(o)
	case *api.NodeStatus:
		return fmt.Sprintf("node %s %s", o.NodeID[:8], o.Status)
	case *api.NodeSession:
		return fmt.Sprintf("session %s connected=%t", o.NodeID[:8], o.Connected)
	case *api.NodeIntent:
		return fmt.Sprintf("intent %s %s drain=%t", o.NodeID[:8], o.Eligibility, o.DrainStrategy != nil)
	case *api.Leadership:
		return "leadership of " + o.ServerID
	}
	return o.Key().String()
}

func describeVersion(v *api.JobVersion) string {
	text := fmt.Sprintf("version %s v%d stable=%t", *v.Job.ID, api.Deref(v.Job.Version), v.Stable)
	if v.Tag != nil {
		text += " tag=" + v.Tag.Name
	}
	return text
}

func describeJobStatus(s *api.JobStatus) string {
	words := []string{"job status", s.JobID, s.Status, s.Outcome, fmt.Sprintf("queued=%v", s.Queued)}
	for _, group := range slices.Sorted(maps.Keys(s.Indexed)) {
		words = append(words, fmt.Sprintf("%s(%s)", group, s.Indexed[group]))
	}
	return strings.Join(append(words, s.StatusDescription), " ")
}

func describeAllocation(a *api.Allocation) string {
	words := []string{"alloc", short(a.ID), a.Name, fmt.Sprintf("v%d on %s", a.JobVersion, strings.TrimLeft(a.NodeID[:8], "0")), a.DesiredStatus}
	for what, id := range map[string]string{"deployment": a.DeploymentID, "follows": a.PreviousAllocation, "followed by": a.NextAllocation} {
		if id != "" {
			words = append(words, what+" "+short(id))
		}
	}
	slices.Sort(words[5:])
	if d := a.DeploymentStatus; d != nil {
		if d.Canary {
			words = append(words, "canary")
		}
		if d.Healthy != nil {
			words = append(words, fmt.Sprintf("healthy=%t", *d.Healthy))
		}
	}
	t := a.DesiredTransition
	for n, set := range []*bool{t.Reschedule, t.Migrate, t.ForceReschedule} {
		if api.Deref(set) {
			words = append(words, []string{"reschedule", "migrate", "force-reschedule"}[n])
		}
	}
	if a.RescheduleTracker != nil {
		words = append(words, fmt.Sprintf("reschedules=%d", len(a.RescheduleTracker.Events)))
	}
	if a.Lost != "" {
		words = append(words, "lost="+a.Lost)
	}
	if a.DesiredDescription != "" {
		words = append(words, "("+a.DesiredDescription+")")
	}
	return strings.Join(words, " ")
}

func describeStatus(s *api.AllocationStatus) string {
	var tasks []string
	for _, name := range slices.Sorted(maps.Keys(s.TaskStates)) {
		t := s.TaskStates[name]
		tasks = append(tasks, fmt.Sprintf("%s:%s failed=%t restarts=%d", name, t.State, t.Failed, t.Restarts))
	}
	for _, c := range s.Checks {
		tasks = append(tasks, "check:"+c.Status)
	}
	return s.ClientStatus + " " + strings.Join(tasks, " ")
}

func describeDeployment(d *api.Deployment) string {
	words := []string{"deployment", short(d.ID), d.JobID, fmt.Sprintf("v%d", d.JobVersion), d.Status}
	for _, group := range slices.Sorted(maps.Keys(d.TaskGroups)) {
		s := d.TaskGroups[group]
		words = append(words, fmt.Sprintf("%s(wants %d placed %d healthy %d unhealthy %d canaries %d/%d promoted=%t)", group, s.DesiredTotal,
			s.PlacedAllocs, s.HealthyAllocs, s.UnhealthyAllocs, len(s.PlacedCanaries), s.DesiredCanaries, s.Promoted))
	}
	return strings.Join(append(words, d.StatusDescription), " ")
}

func short(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}
