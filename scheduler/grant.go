package scheduler

import "github.com/droverhq/drover/api"

// grant finds on a candidate's node what the tasks of the next instance are to have to
// themselves, or says what there is too little of. It is part of what the instance
// asks for there, and of the candidate's score.
func (p *placing) grant(c *candidate) (exhausted string) {
	if !p.request.grants() {
		return ""
	}
	n, freed := p.fleet.nodes[c.slot], holding{}
	if f := p.freed.nodes[c.slot]; f != nil {
		freed = f.holding
	}
	if exhausted = p.cores.assign(&n.processors, freed.cores, p.request.cores); exhausted != "" {
		return exhausted
	}
	if exhausted = p.devices.assign(n.facts, n.devices, freed.devices, p.request.devices); exhausted != "" {
		return exhausted
	}
	c.asked = p.request.usage
	c.asked.CPU += p.cores.mhz
	if p.cores.wishes > 0 {
		c.scores.hasNUMA, c.scores.numa = true, float64(p.cores.together)/float64(p.cores.wishes)
	}
	if p.devices.total > 0 {
		c.scores.hasDevices, c.scores.devices = true, p.devices.weight/p.devices.total
	}
	return ""
}

// granted returns what grant found, by task, in the order of the group.
func (p *placing) granted() []api.TaskGrant {
	if !p.request.grants() {
		return nil
	}
	var grants []api.TaskGrant
	for _, t := range p.ask.Group.Tasks {
		grant := api.TaskGrant{Task: t.Name, Devices: p.devices.given(t.Name)}
		for _, g := range p.cores.given {
			if g.task == t.Name {
				grant.Cores, grant.CPU = g.cores, g.mhz
			}
		}
		if len(grant.Cores)+len(grant.Devices) > 0 {
			grants = append(grants, grant)
		}
	}
	return grants
}

// grants reports whether tasks ask for something that they have to themselves.
func (r *request) grants() bool { return len(r.cores)+len(r.devices) > 0 }
