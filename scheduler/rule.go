package scheduler

import (
	"fmt"
	"strconv"

	"github.com/droverhq/drover/api"
)

// rule is something that a node must be or have for a group to come to it,
// whatever else is on it. A rule explains itself: why a group is not placed is put
// together from what its rules say.
type rule interface {
	// excludes says why the node can't take the group, or returns "".
	excludes(n *api.Node) (why string)
	// perNode reports whether nodes of one class may be answered differently.
	perNode() bool
}

// rulesOf returns the rules of a group, in the order in which they explain.
func rulesOf(job *api.Job, g *api.TaskGroup) []rule {
	region := regionOf(job)
	rules := constraints(nil, job.Constraints, region)
	drivers := driverRule{}
	for _, t := range g.Tasks {
		drivers[t.Driver] = true
	}
	rules = append(rules, drivers)
	rules = constraints(rules, g.Constraints, region)
	for _, t := range g.Tasks {
		rules = constraints(rules, t.Constraints, region)
	}
	rules = append(rules, volumesWanted(g)...)
	if devices := devicesWanted(g); len(devices) > 0 {
		rules = append(rules, deviceKindRule(devices), deviceRule(devices))
	}
	for _, asked := range networksOf(g) {
		rules = append(rules, newNetworkRule(asked, region))
		if asked.Mode == "bridge" {
			rules = append(rules, pluginsOfBridge(region)...)
		}
	}
	return rules
}

func regionOf(job *api.Job) string {
	if region := api.Deref(job.Region); region != "" {
		return region
	}
	return api.DefaultRegion
}

// constraintRule is a constraint that looks at the node alone.
type constraintRule struct{ *condition }

func constraints(rules []rule, list []*api.Constraint, region string) []rule {
	for _, c := range list {
		if c.Operand != api.OperandDistinctHosts && c.Operand != api.OperandDistinctProperty {
			rules = append(rules, constraintRule{newCondition(c.LTarget, c.Operand, c.RTarget, region)})
		}
	}
	return rules
}

func (r constraintRule) excludes(n *api.Node) string {
	if r.met(n) {
		return ""
	}
	return r.text
}

func (r constraintRule) perNode() bool { return r.unique() }

// driverRule wants drivers that are detected and healthy. Where a node says
// nothing of a driver, its attribute driver.NAME decides.
type driverRule map[string]bool

func (r driverRule) excludes(n *api.Node) string {
	for name := range r {
		if !hasDriver(n, name) {
			return "missing drivers"
		}
	}
	return ""
}

func (driverRule) perNode() bool { return false }

func hasDriver(n *api.Node, name string) bool {
	if driver, ok := n.Drivers[name]; ok {
		return driver != nil && driver.Detected && driver.Healthy
	}
	enabled, err := strconv.ParseBool(n.Attributes["driver."+name])
	return err == nil && enabled
}

// unsupportedRule refuses every node: what the group asks for can't be given.
type unsupportedRule string

func (r unsupportedRule) excludes(*api.Node) string { return string(r) }

func (unsupportedRule) perNode() bool { return false }

// networkRule wants a network of the mode and the host networks of the ports.
type networkRule struct {
	mode   string
	region string
	ports  []namedPort
}

// pluginsOfBridge wants the CNI plugins by which a node gives groups a network on its
// bridge.
func pluginsOfBridge(region string) []rule {
	var rules []rule
	for _, name := range []string{"bridge", "firewall", "host-local", "loopback", "portmap"} {
		rules = append(rules, constraintRule{newCondition("${attr.plugins.cni.version."+name+"}", api.OperandSemver, ">= 0.4.0", region)})
	}
	return rules
}

type namedPort struct {
	label   string
	network target
}

func newNetworkRule(asked *api.NetworkResource, region string) networkRule {
	r := networkRule{mode: asked.Mode, region: region}
	if r.mode == "" {
		r.mode = "host"
	}
	for _, ports := range [][]api.Port{asked.ReservedPorts, asked.DynamicPorts} {
		for _, p := range ports {
			if p.HostNetwork != "" && p.HostNetwork != defaultHostNetwork {
				r.ports = append(r.ports, namedPort{p.Label, parseTarget(p.HostNetwork)})
			}
		}
	}
	return r
}

func (r networkRule) excludes(n *api.Node) string {
	if r.mode == "none" {
		return ""
	}
	if !hasNetwork(n, r.mode) {
		return "missing network"
	}
	for _, p := range r.ports {
		name, found := p.network.of(n, r.region)
		if !found {
			return fmt.Sprintf("host network of port %q is not known", p.label)
		}
		if !hasHostNetwork(n, name) {
			return fmt.Sprintf("missing host network %q for port %q", name, p.label)
		}
	}
	return ""
}

func (r networkRule) perNode() bool {
	for _, p := range r.ports {
		if p.network.unique() {
			return true
		}
	}
	return false
}

func hasNetwork(n *api.Node, mode string) bool {
	if n.Resources == nil {
		return false
	}
	for _, network := range n.Resources.Networks {
		if network.Mode == mode || network.Mode == "" && mode == "host" {
			return true
		}
	}
	return false
}

func hasHostNetwork(n *api.Node, name string) bool {
	for _, network := range n.Resources.NodeNetworks {
		for _, address := range network.Addresses {
			if address.Alias == name {
				return true
			}
		}
	}
	return false
}

// networksOf returns the networks that a group asks for, and those that its tasks
// ask for in the older form.
func networksOf(g *api.TaskGroup) []*api.NetworkResource {
	networks := g.Networks[:len(g.Networks):len(g.Networks)]
	for _, t := range g.Tasks {
		if t.Resources != nil {
			networks = append(networks, t.Resources.Networks...)
		}
	}
	return networks
}
