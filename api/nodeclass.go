package api

import (
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
)

// uniquePrefix begins the names of attributes and meta that differ from node to node.
const uniquePrefix = "unique."

// ComputeClass returns a hash of everything about a node that rules can tell it from
// others by, but for what is unique to it (its ID, its name, attributes and meta
// that begin with "unique.") and for how much it has and how much of that is free.
// Nodes of equal class are feasible for the same work, so that feasibility is decided
// once for all of them.
func ComputeClass(n *Node) string {
	h := fnv.New64a()
	c := classHash{h}
	c.add("datacenter", n.Datacenter)
	c.add("pool", n.NodePool)
	c.add("class", n.NodeClass)
	c.addMap("attr", n.Attributes)
	c.addMap("meta", n.Meta)
	for _, name := range slices.Sorted(maps.Keys(n.Drivers)) {
		if d := n.Drivers[name]; d != nil {
			c.add("driver", name, fmt.Sprint(d.Detected), fmt.Sprint(d.Healthy))
			c.addMap("driver", d.Attributes)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.HostVolumes)) {
		if v := n.HostVolumes[name]; v != nil {
			c.add("volume", name, fmt.Sprint(v.ReadOnly))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.HostNetworks)) {
		c.add("network", name)
	}
	c.addKeys("csi controller", n.CSIControllerPlugins)
	c.addKeys("csi node", n.CSINodePlugins)
	if n.Resources != nil {
		c.addResources(n.Resources)
	}
	return fmt.Sprintf("v1:%d", h.Sum64())
}

type classHash struct{ w io.Writer }

// add writes a record that no other list of parts writes.
func (c classHash) add(parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(c.w, "%d:%s", len(p), p)
	}
	fmt.Fprintln(c.w)
}

func (c classHash) addMap(what string, m map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !strings.HasPrefix(k, uniquePrefix) {
			c.add(what, k, m[k])
		}
	}
}

func (c classHash) addKeys(what string, m map[string]*CSIInfo) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		c.add(what, k)
	}
}

// addResources writes which kinds of networks and devices there are, not how many.
func (c classHash) addResources(r *NodeResources) {
	for _, n := range r.Networks {
		if n != nil {
			c.add("mode", n.Mode)
		}
	}
	for _, n := range r.NodeNetworks {
		if n == nil {
			continue
		}
		for _, a := range n.Addresses {
			c.add("net", n.Mode, a.Alias, a.Family)
		}
		c.add("net", n.Mode)
	}
	for _, d := range r.Devices {
		if d == nil {
			continue
		}
		c.add("device", d.Vendor, d.Type, d.Name)
		for _, k := range slices.Sorted(maps.Keys(d.Attributes)) {
			if a := d.Attributes[k]; a != nil {
				c.add("device", k, fmt.Sprint(Deref(a.Float), Deref(a.Int), Deref(a.String), Deref(a.Bool)), a.Unit)
			}
		}
	}
}
