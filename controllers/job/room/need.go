package room

import (
	"cmp"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/job/plan"
	"github.com/droverhq/drover/store"
)

// need is what a job in line wants room for.
type need struct {
	job   *api.Job
	group *api.TaskGroup
	count int
	nodes map[string]bool // only these will do, for a system job or for sticky volumes
	// freed are, by node, instances that would stop for what is waited for.
	freed map[string][]string
	shape string
	// preempts says that others of lower priority may have to end for it.
	preempts bool
}

// needs returns what of a plan found no room.
func needs(v *plan.View, p *plan.Plan, at *Placed, snap store.Snapshot) []need {
	var out []need
	j := v.Job
	for i, g := range p.Groups {
		if at.Queued[g.Name] == 0 {
			continue
		}
		first := len(out)
		for k := range g.Wants {
			if at.Groups[i][k].AllocID == "" {
				out = noteNeed(out, first, j, g, &g.Wants[k])
			}
		}
		if first < len(out) {
			out[first].count += g.More
		}
	}
	if len(out) == 0 {
		return nil
	}
	config := Configuration(snap)
	for i := range out {
		out[i].preempts = preempts(config, j)
		out[i].shape = shapeOf(&out[i])
	}
	return out
}

// noteNeed adds a want that found no room to the needs of its group, which are those
// from first on: one for each version, for each instance that has volumes of its own, and
// for those to which only some nodes will do.
func noteNeed(needs []need, first int, j *api.Job, g *plan.Group, w *plan.Want) []need {
	job, group := w.Spec(j, g.Spec)
	at := first
	bound := w.Node != "" || w.Home != ""
	for at < len(needs) && (needs[at].job != job || needs[at].group != group || (needs[at].nodes != nil) != bound) {
		at++
	}
	if at == len(needs) {
		needs = append(needs, need{job: job, group: group})
	}
	needs[at].count++
	needs[at].note(w)
	return needs
}

// note notes where a want that found no room could go.
func (n *need) note(w *plan.Want) {
	if node := cmp.Or(w.Node, w.Home); node != "" {
		if n.nodes == nil {
			n.nodes = make(map[string]bool)
		}
		n.nodes[node] = true
	}
	if w.Frees() {
		if n.freed == nil {
			n.freed = make(map[string][]string)
		}
		n.freed[w.Prev.NodeID] = append(n.freed[w.Prev.NodeID], w.Prev.ID)
	}
}
