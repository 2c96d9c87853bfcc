package scheduler

import (
	"fmt"

	"github.com/droverhq/drover/api"
)

// portAsk is a port that a group asks for.
type portAsk struct {
	label   string
	static  int // 0: any port of the node's dynamic range
	to      int
	network target
	// shared says that others may have the port too.
	shared bool
}

func portsOf(g *api.TaskGroup) []portAsk {
	var asks []portAsk
	for _, network := range networksOf(g) {
		if network.Mode == "none" {
			continue
		}
		for _, p := range network.ReservedPorts {
			asks = append(asks, newPortAsk(p, p.Value))
		}
		for _, p := range network.DynamicPorts {
			asks = append(asks, newPortAsk(p, 0))
		}
	}
	return asks
}

func newPortAsk(p api.Port, static int) portAsk {
	network := p.HostNetwork
	if network == "" {
		network = defaultHostNetwork
	}
	return portAsk{label: p.Label, static: static, to: p.To, network: parseTarget(network), shared: p.IgnoreCollision}
}

// offer is ports of one node that fit together.
type offer struct {
	node  *node
	freed []heldPort // ports that others give back in the same transaction
	ports []api.AllocatedPort
	held  []heldPort
}

// assign finds a port on the node for each ask, or says what there is none of.
// The dynamic ports depend on the seed and on what is taken, on nothing else; they
// are far from each other, so that a port is not given out again soon after
// it was given back.
func (o *offer) assign(asks []portAsk, region string, seed uint64) (exhausted string) {
	o.ports, o.held = o.ports[:0], o.held[:0]
	if len(asks) == 0 {
		return ""
	}
	if o.node.addresses.invalid != "" {
		return "network: " + o.node.addresses.invalid
	}
	for i := range asks {
		ask := &asks[i]
		network, _ := ask.network.of(o.node.facts, region)
		numbers := o.node.addresses.networks[network]
		if len(numbers) == 0 {
			return "network: no addresses available for " + network + " network"
		}
		if exhausted := o.assignOne(ask, network, numbers, mix(seed+uint64(i))); exhausted != "" {
			return exhausted
		}
	}
	return ""
}

func (o *offer) assignOne(ask *portAsk, network string, addresses []int, seed uint64) (exhausted string) {
	if ask.static == 0 {
		for _, address := range addresses {
			if port, ok := o.dynamic(address, seed); ok {
				o.add(ask, network, address, port)
				return ""
			}
		}
		return "network: dynamic port selection failed"
	}
	if ask.static < 0 || ask.static > highestPort {
		return fmt.Sprintf("network: invalid port %d (out of range)", ask.static)
	}
	if !ask.shared && !o.usable(addresses[0], ask.static) {
		return fmt.Sprintf("network: reserved port collision %s=%d", ask.label, ask.static)
	}
	o.add(ask, network, addresses[0], ask.static)
	return ""
}

func (o *offer) add(ask *portAsk, network string, address, port int) {
	to := ask.to
	if to == -1 {
		to = port
	}
	o.ports = append(o.ports, api.AllocatedPort{
		Label: ask.label, Value: port, To: to, HostIP: o.node.addresses.ips[address],
		HostNetwork: network, IgnoreCollision: ask.shared,
	})
	o.held = append(o.held, newHeldPort(address, uint16(port)))
}

// usable reports whether nobody has a port, or will have it when what is freed is gone.
func (o *offer) usable(address, port int) bool {
	if _, reserved := within(o.node.addresses.reserved[address], port); reserved {
		return false
	}
	wanted := newHeldPort(address, uint16(port))
	for _, p := range o.held {
		if p == wanted {
			return false
		}
	}
	holders := o.node.addresses.holders(wanted)
	for _, p := range o.freed {
		if p == wanted {
			holders--
		}
	}
	return holders <= 0
}

// dynamic returns a port of the dynamic range that nobody has; one that is freed
// only if there is no other, because the one who has it may still be at it.
func (o *offer) dynamic(address int, seed uint64) (port int, ok bool) {
	first, last := o.node.addresses.minPort, o.node.addresses.maxPort
	if last < first {
		return 0, false
	}
	start := first + int(seed%uint64(last-first+1))
	if port, ok = o.free(address, start, last); ok {
		return port, true
	}
	if port, ok = o.free(address, first, start-1); ok {
		return port, true
	}
	for _, p := range o.freed {
		port := int(p.port())
		if p.address() == address && first <= port && port <= last && o.usable(address, port) {
			return port, true
		}
	}
	return 0, false
}

// free returns the lowest port from first to last that nobody has.
func (o *offer) free(address, first, last int) (port int, ok bool) {
	a := &o.node.addresses
	for port = first; port <= last; port++ {
		if port, ok = a.held[address].nextFree(port, last); !ok {
			return 0, false
		}
		if r, reserved := within(a.reserved[address], port); reserved {
			port = r.last
			continue
		}
		if o.usable(address, port) {
			return port, true
		}
	}
	return 0, false
}
