package scheduler

import "github.com/droverhq/drover/api"

// grant finds on a candidate's node what the tasks of the next instance are to have to
// themselves, or says what there is too little of. It is part of what the instance
// asks for there, and of the candidate's score.
func (p *placing) grant(c *candidate) (exhausted string) {
	if len(p.request.cores) == 0 {
		return ""
	}
	n, freed := p.fleet.nodes[c.slot], holding{}
	if f := p.freed.nodes[c.slot]; f != nil {
		freed = f.holding
	}
	if exhausted = p.cores.assign(&n.processors, freed.cores, p.request.cores); exhausted != "" {
		return exhausted
	}
	c.asked = p.request.usage
	c.asked.CPU += p.cores.mhz
	if p.cores.wishes > 0 {
		c.scores.hasNUMA, c.scores.numa = true, float64(p.cores.together)/float64(p.cores.wishes)
	}
	return ""
}

// granted returns what grant found, by task, in the order of the group.
func (p *placing) granted() []api.TaskGrant {
	if len(p.request.cores) == 0 {
		return nil
	}
	var grants []api.TaskGrant
	for _, t := range p.ask.Group.Tasks {
		grant := api.TaskGrant{Task: t.Name}
		for _, g := range p.cores.given {
			if g.task == t.Name {
				grant.Cores, grant.CPU = g.cores, g.mhz
			}
		}
		if len(grant.Cores) > 0 {
			grants = append(grants, grant)
		}
	}
	return grants
}
