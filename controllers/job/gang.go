package job

import (
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// together gives back what found room of a gang that did not wholly find it. So a gang
// never holds room that it can't use, and two of them never wait for each other.
func (o *placed) together(v *view, p *plan, on *scheduler.Fleet) {
	short := false
	for n, g := range p.groups {
		if o.queued[g.name] == 0 || len(g.wants) == 0 {
			continue
		}
		short = true
		if g.gang() {
			o.giveBack(n, len(g.wants), on, gangText("gang of %d", api.Deref(g.group.Count), len(g.wants), o.count(n)))
		}
	}
	if !short || !v.atOnce() {
		return
	}
	wants, found, size := 0, 0, 0
	for n, g := range p.groups {
		if g.group != nil {
			size += api.Deref(g.group.Count)
		}
		wants, found = wants+len(g.wants), found+o.count(n)
	}
	why := gangText("all %d of the job at once", size, wants, found)
	for n, g := range p.groups {
		if len(g.wants) > 0 {
			o.giveBack(n, len(g.wants), on, why)
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
func (o *placed) giveBack(group, wants int, on *scheduler.Fleet, text string) {
	why := &api.AllocationMetric{}
	for i := range o.groups[group] {
		at := &o.groups[group][i]
		if at.AllocID == "" {
			continue
		}
		*why = *at.Metrics
		on.GiveBack(*at)
		*at = scheduler.Placement{}
	}
	name := o.names[group]
	if failed := o.failed[name]; failed != nil {
		*why = *failed
	}
	why.Gang, why.ScoreMetaData, why.CoalescedFailures = text, nil, wants-1
	delete(o.failed, name)
	o.queued[name] = 0
	o.fail(name, why, wants)
}
