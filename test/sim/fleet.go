package sim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// fleet is the simulated node agents.
type fleet struct {
	world  *World
	agents []*agent // by number
}

// deed is something that an agent can do now.
type deed struct {
	agent *agent
	do    func()
}

func newFleet(w *World) *fleet { return &fleet{world: w} }

// find returns the agent of that name (n1, n2, …), or nil.
func (f *fleet) find(name string) *agent {
	for _, a := range f.agents {
		if a.name == name {
			return a
		}
	}
	return nil
}

// add makes an agent, which has not connected yet.
func (f *fleet) add(name string, facts *api.Node) *agent {
	a := &agent{world: f.world, name: name, facts: facts, instances: make(map[string]*instance)}
	f.agents = append(f.agents, a)
	slices.SortFunc(f.agents, func(a, b *agent) int { return strings.Compare(a.name, b.name) })
	return a
}

// ready returns what agents can do now.
func (f *fleet) ready() []deed {
	var out []deed
	for _, a := range f.agents {
		if !a.up {
			continue
		}
		if a.next <= f.world.now.UnixNano() {
			out = append(out, deed{a, a.tick})
		}
		if a.connected && (a.full || len(a.news) > 0) {
			out = append(out, deed{a, a.sync})
		}
		if a.connected && len(a.reports) > 0 {
			out = append(out, deed{a, a.report})
		}
	}
	return out
}

// due returns when the next timer of an agent fires.
func (f *fleet) due() (time.Time, bool) {
	next := int64(math.MaxInt64)
	for _, a := range f.agents {
		if a.up && a.next > f.world.now.UnixNano() {
			next = min(next, a.next)
		}
	}
	if next == math.MaxInt64 {
		return time.Time{}, false
	}
	return time.Unix(0, next).UTC(), true
}

// changed tells the agent of a node that something else may be wanted of an allocation.
func (f *fleet) changed(al *api.Allocation) {
	for _, a := range f.agents {
		if a.facts.ID == al.NodeID && !a.full && !slices.Contains(a.news, al.ID) {
			a.news = append(a.news, al.ID)
		}
	}
}

// nodeID is the ID of the node of that name.
func nodeID(name string) string {
	var n int
	if _, err := fmt.Sscanf(name, "n%d", &n); err != nil {
		panic(fmt.Sprintf("%q is no name of a node", name))
	}
	return fmt.Sprintf("%08d-0000-4000-8000-000000000000", n)
}

// newNode returns the facts of a node.
func newNode(name string, cpu, memory int, rack string) *api.Node {
	n := &api.Node{
		ID: nodeID(name), SecretID: nodeID(name), Name: name, Datacenter: "dc1", NodePool: api.DefaultNodePool,
		Attributes: map[string]string{"kernel.name": "linux", "driver.raw_exec": "1", "nomad.version": "2.0.6", "nomad.service_discovery": "true"},
		Meta:       map[string]string{"rack": rack},
		Drivers:    map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
		Resources: &api.NodeResources{
			Cpu:    api.NodeCPUResources{CpuShares: int64(cpu), TotalCpuCores: 4},
			Memory: api.NodeMemoryResources{MemoryMB: int64(memory)},
			Disk:   api.NodeDiskResources{DiskMB: 100_000},
			Networks: []*api.NodeNetworkInfo{{
				Mode: "host", Device: "eth0", CIDR: "10.0.0.1/32", IP: "10.0.0.1",
			}},
			NodeNetworks: []*api.NodeNetworkResource{{
				Mode: "host", Device: "eth0",
				Addresses: []api.NodeNetworkAddress{{Family: "ipv4", Alias: "default", Address: "10.0.0.1"}},
			}},
			MinDynamicPort: 20000, MaxDynamicPort: 32000,
		},
	}
	n.CSINodePlugins = pluginsOf(rack)
	n.HostVolumes = map[string]*api.HostVolumeInfo{hostVolume: {Path: "/srv"}}
	n.ComputedClass = api.ComputeClass(n)
	return n
}

// connect opens a session with a server, as package sessions does.
func (a *agent) connect() {
	w := a.world
	snap := w.store.Snapshot()
	a.sessions++
	session := &api.NodeSession{
		NodeID: a.facts.ID, ServerID: "server-1", SessionID: fmt.Sprintf("%s/%d", a.name, a.sessions),
		Connected: true, Since: w.now.UnixNano(),
	}
	txn := store.Txn{Writes: []store.Write{store.Put(session)}}
	if _, ok := snap.Get(a.facts.Key()); !ok {
		txn.Writes = append(txn.Writes, store.Put(a.facts))
	}
	result, err := w.commit(a.name, txn)
	if err != nil {
		w.breaks(err)
		return
	}
	a.connected, a.session, a.full = true, result.Index, true
}

// disconnect ends the session; graceful: the agent said goodbye.
func (a *agent) disconnect(graceful bool) {
	if !a.connected {
		return
	}
	a.connected = false
	w := a.world
	session, ok := store.Get[*api.NodeSession](w.store.Snapshot(), (&api.NodeSession{NodeID: a.facts.ID}).Key())
	if !ok || session.ModifyIndex != a.session {
		return // it was removed with its node
	}
	lost := *session
	lost.Connected, lost.Graceful, lost.Since = false, graceful, w.now.UnixNano()
	w.put(a.name, &lost)
}
