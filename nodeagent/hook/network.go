package hook

import (
	"context"
	"maps"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/env"
	"github.com/droverhq/drover/nodeagent/network"
)

// Networks makes the networks that groups ask for.
func Networks(m *network.Manager) Alloc { return networks{m} }

type networks struct{ manager *network.Manager }

func (networks) Name() string { return "network" }

// networkOf returns the network that a group asks for, or one of the node's.
func networkOf(g *api.TaskGroup) *api.NetworkResource {
	if len(g.Networks) == 0 {
		return &api.NetworkResource{}
	}
	return g.Networks[0]
}

// Concerns says so also of groups that only have names of their own.
func (networks) Concerns(g *api.TaskGroup) bool {
	n := networkOf(g)
	return network.IsOwn(n.Mode) || n.DNS != nil
}

func (h networks) Prerun(ctx context.Context, s *AllocStart) error {
	asked := networkOf(s.Group)
	vars := env.Build(env.Input{Alloc: s.Alloc, Job: s.Job, Group: s.Group, Task: &api.Task{}, Node: s.Node, Region: s.Region})
	r := network.Request{
		AllocID: s.Alloc.ID, Mode: asked.Mode, Hostname: vars.Replace(asked.Hostname), Ports: s.Alloc.Ports,
		Owner: owner(s.Group, s.Drivers),
		Args: map[string]string{
			"NOMAD_REGION": s.Region, "NOMAD_NAMESPACE": s.Alloc.Namespace, "NOMAD_JOB_ID": s.Alloc.JobID,
			"NOMAD_GROUP_NAME": s.Alloc.TaskGroup, "NOMAD_ALLOC_ID": s.Alloc.ID,
		},
	}
	if asked.CNI != nil {
		maps.Copy(r.Args, vars.ReplaceTexts(asked.CNI.Args))
	}
	if asked.DNS != nil {
		r.DNS = &api.DNSConfig{
			Servers: vars.ReplaceAll(asked.DNS.Servers), Searches: vars.ReplaceAll(asked.DNS.Searches), Options: vars.ReplaceAll(asked.DNS.Options),
		}
	}
	site, err := h.manager.Make(ctx, r)
	if err != nil {
		return err
	}
	s.Site.Network, s.Site.Status = site.Network, site.Status
	return nil
}

// owner returns the driver of the group that makes the namespace; "": the agent does.
func owner(g *api.TaskGroup, drivers map[string]driver.Driver) string {
	for _, t := range g.Tasks {
		if _, owns := drivers[t.Driver].(driver.NetworkOwner); owns {
			return t.Driver
		}
	}
	return ""
}

func (h networks) Postrun(ctx context.Context, allocID string) error {
	return h.manager.Remove(ctx, allocID)
}

func (h networks) Sweep(ctx context.Context, known func(allocID string) bool) error {
	return h.manager.Sweep(ctx, known)
}
