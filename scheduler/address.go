package scheduler

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// defaultHostNetwork is the network of ports that name none.
const defaultHostNetwork = "default"

// heldPort is a port of one of a node's addresses: the number of the address in
// the upper half, the port in the lower.
type heldPort uint32

func newHeldPort(address int, port uint16) heldPort {
	return heldPort(address)<<16 | heldPort(port)
}

func (p heldPort) address() int { return int(p >> 16) }
func (p heldPort) port() uint16 { return uint16(p) }

// addresses is the addresses of a node and which ports of them are taken.
type addresses struct {
	// ips are numbered by their place; an address keeps its number for as long as
	// the node is known, because held ports refer to it.
	ips []string
	// networks are the addresses of each host network, in the node's order.
	networks map[string][]int
	// reserved are the ports that tasks can't have, by address.
	reserved [][]portRange
	// invalid says why the node's reserved ports can't be understood, if so.
	invalid          string
	minPort, maxPort int // dynamic ports, both included

	held []*portSet // by address
	// again counts the further holders of ports that have more than one: an
	// allocation that stops and the one that follows it, or ports that may be shared.
	again map[heldPort]int
}

// describe takes over what a node says of its addresses and keeps what is held.
func (a *addresses) describe(n *api.Node) {
	a.networks, a.reserved, a.invalid = map[string][]int{}, make([][]portRange, len(a.ips)), ""
	a.minPort, a.maxPort = defaultMinDynamicPort, defaultMaxDynamicPort
	r := n.Resources
	if r == nil {
		return
	}
	if r.MinDynamicPort > 0 {
		a.minPort = r.MinDynamicPort
	}
	if r.MaxDynamicPort > 0 {
		a.maxPort = min(r.MaxDynamicPort, highestPort)
	}
	var everywhere []portRange
	if n.ReservedResources != nil {
		everywhere = a.ranges(n.ReservedResources.Networks.ReservedHostPorts)
	}
	for _, network := range r.NodeNetworks {
		for _, address := range network.Addresses {
			alias := address.Alias
			if alias == "" {
				alias = defaultHostNetwork
			}
			a.offer(alias, address.Address, append(a.ranges(address.ReservedPorts), everywhere...))
		}
	}
	if len(a.networks) > 0 {
		return
	}
	for _, network := range r.Networks {
		if network.IP != "" {
			a.offer(defaultHostNetwork, network.IP, everywhere)
		}
	}
}

func (a *addresses) ranges(list string) []portRange {
	ranges, err := parsePortRanges(list)
	if err != nil {
		a.invalid = "reserved ports of the node: " + err.Error()
	}
	return ranges
}

// offer makes an address one of those of a host network.
func (a *addresses) offer(network, ip string, reserved []portRange) {
	i := a.number(ip)
	a.networks[network] = append(a.networks[network], i)
	a.reserved[i] = append(a.reserved[i], reserved...)
}

// number returns the number of an address, which may be one that the node no
// longer has, or not yet.
func (a *addresses) number(ip string) int {
	if i := slices.Index(a.ips, ip); i >= 0 {
		return i
	}
	a.ips = append(a.ips, ip)
	a.held = append(a.held, &portSet{})
	a.reserved = append(a.reserved, nil)
	return len(a.ips) - 1
}

// numberAll returns ports as they are held.
func (a *addresses) numberAll(ports []api.AllocatedPort) []heldPort {
	if len(ports) == 0 {
		return nil
	}
	held := make([]heldPort, 0, len(ports))
	for _, p := range ports {
		if 0 < p.Value && p.Value <= highestPort {
			held = append(held, newHeldPort(a.number(p.HostIP), uint16(p.Value)))
		}
	}
	return held
}

func (a *addresses) hold(p heldPort) {
	set := a.held[p.address()]
	if !set.has(p.port()) {
		set.add(p.port())
		return
	}
	if a.again == nil {
		a.again = map[heldPort]int{}
	}
	a.again[p]++
}

func (a *addresses) letGo(p heldPort) {
	switch further := a.again[p]; further {
	case 0:
		a.held[p.address()].remove(p.port())
	case 1:
		delete(a.again, p)
	default:
		a.again[p] = further - 1
	}
}

// holders returns how many allocations hold a port.
func (a *addresses) holders(p heldPort) int {
	if !a.held[p.address()].has(p.port()) {
		return 0
	}
	return 1 + a.again[p]
}

func (a *addresses) clone() addresses {
	c := *a
	c.ips = slices.Clone(a.ips)
	c.reserved = slices.Clone(a.reserved)
	c.again = maps.Clone(a.again)
	c.held = make([]*portSet, len(a.held))
	for i, set := range a.held {
		c.held[i] = set.clone()
	}
	return c
}
