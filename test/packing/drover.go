package packing

import (
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// drover is the scheduler as a packer.
type drover struct {
	fleet *scheduler.Fleet
	at    map[string][]scheduler.Placement
	count map[string]int // by node
}

// Drover is the scheduler of this repository, with a fleet of so many nodes.
func Drover(w Workload, nodes int) Packer {
	d := &drover{fleet: scheduler.NewFleet(), at: make(map[string][]scheduler.Placement), count: make(map[string]int)}
	for n := range nodes {
		d.fleet.SetNode(scheduler.NodeState{Ready: true, Eligible: true, Node: &api.Node{
			ID: fmt.Sprintf("node-%04d", n), Datacenter: "dc1", NodePool: api.DefaultNodePool,
			Drivers: map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
			Resources: &api.NodeResources{
				Cpu: api.NodeCPUResources{CpuShares: w.Node.CPU}, Memory: api.NodeMemoryResources{MemoryMB: w.Node.MemoryMB},
			},
		}})
	}
	return d
}

func (d *drover) Come(groups []Group) {
	for _, g := range groups {
		job := &api.Job{
			ID: new(g.ID), Namespace: new(api.DefaultNamespace), Datacenters: []string{"*"},
			TaskGroups: []*api.TaskGroup{{Name: new("g"), Count: new(g.Count), Tasks: []*api.Task{{
				Name: "t", Driver: "raw_exec",
				Resources: &api.Resources{CPU: new(int(g.Size.CPU)), MemoryMB: new(int(g.Size.MemoryMB))},
			}}}},
		}
		ask := scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: g.Count}
		for i := range g.Count {
			ask.IDs = append(ask.IDs, fmt.Sprintf("%s-%d", g.ID, i))
		}
		placed, failure := d.fleet.Place(ask)
		if failure != nil {
			panic(fmt.Sprintf("packing: the fleet is too small for group %s", g.ID))
		}
		d.at[g.ID] = placed
		for _, p := range placed {
			d.count[p.NodeID]++
		}
	}
}

func (d *drover) Go(g Group) {
	for _, p := range d.at[g.ID] {
		d.fleet.RemoveAllocation(p.AllocID)
		if d.count[p.NodeID]--; d.count[p.NodeID] == 0 {
			delete(d.count, p.NodeID)
		}
	}
	delete(d.at, g.ID)
}

func (d *drover) Nodes() int { return len(d.count) }
