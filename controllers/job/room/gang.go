package room

import (
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/scheduler"
)

// together gives back what found room of a gang that did not wholly find it. So a gang
// never holds room that it can't use, and two of them never wait for each other.
func (o *Placed) together(v *plan.View, p *plan.Plan, on *scheduler.Fleet) {
	short := false
	for n, g := range p.Groups {
		if o.Queued[g.Name] == 0 || len(g.Wants) == 0 {
			continue
		}
		short = true
		if g.Gang() {
			o.giveBack(n, len(g.Wants), on, gangText("gang of %d", api.Deref(g.Spec.Count), len(g.Wants), o.Count(n)))
		}
	}
	if !short || !v.AtOnce() {
		return
	}
	wants, found, size := 0, 0, 0
	for n, g := range p.Groups {
		if g.Spec != nil {
			size += api.Deref(g.Spec.Count)
		}
		wants, found = wants+len(g.Wants), found+o.Count(n)
	}
	why := gangText("all %d of the job at once", size, wants, found)
	for n, g := range p.Groups {
		if len(g.Wants) > 0 {
			o.giveBack(n, len(g.Wants), on, why)
		}
	}
}

// gangText says how many of those that have to be placed together would find room.
func gangText(what string, size, missing, room int) string {
	text := fmt.Sprintf(what, size)
	if missing != size {
		text += fmt.Sprintf(", %d missing", missing)
	}
	return fmt.Sprintf("%s: room for %d", text, room)
}

// giveBack undoes the placements of a group, and says why.
func (o *Placed) giveBack(group, wants int, on *scheduler.Fleet, text string) {
	why := &api.AllocationMetric{}
	for i := range o.Groups[group] {
		at := &o.Groups[group][i]
		if at.AllocID == "" {
			continue
		}
		*why = *at.Metrics
		on.GiveBack(*at)
		*at = scheduler.Placement{}
	}
	name := o.names[group]
	if failed := o.Failed[name]; failed != nil {
		*why = *failed
	}
	why.Gang, why.ScoreMetaData, why.CoalescedFailures = text, nil, wants-1
	delete(o.Failed, name)
	o.Queued[name] = 0
	o.fail(name, why, wants)
}
