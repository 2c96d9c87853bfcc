package room

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// shapeOf names all that decides whether a node has room for an instance.
func shapeOf(n *need) string {
	var b strings.Builder
	j, g := n.job, n.group
	if n.nodes != nil || n.freed != nil {
		fmt.Fprintf(&b, "%s/%s/%s|", api.Deref(j.Namespace), api.Deref(j.ID), api.Deref(g.Name))
	}
	if n.preempts {
		fmt.Fprintf(&b, "%d|", api.Deref(j.Priority))
	}
	fmt.Fprintf(&b, "%v|%s|%q|", scheduler.UsageOf(g), api.Deref(j.NodePool), j.Datacenters)
	rules := func(list []*api.Constraint) {
		for _, c := range list {
			if c.Operand == "distinct_hosts" || c.Operand == "distinct_property" {
				// Depends on where the job's other instances are.
				fmt.Fprintf(&b, "%s/%s/", api.Deref(j.Namespace), api.Deref(j.ID))
			}
			fmt.Fprintf(&b, "%q", *c)
		}
		b.WriteByte('|')
	}
	rules(j.Constraints)
	rules(g.Constraints)
	for _, t := range g.Tasks {
		fmt.Fprintf(&b, "%s", t.Driver)
		rules(t.Constraints)
		if t.Resources != nil {
			networks(&b, t.Resources.Networks)
			alone(&b, t.Resources)
		}
	}
	networks(&b, g.Networks)
	volumes(&b, api.Deref(j.Namespace), g.Volumes)
	return b.String()
}

func networks(b *strings.Builder, list []*api.NetworkResource) {
	for _, n := range list {
		fmt.Fprintf(b, "%s%v%v", n.Mode, n.ReservedPorts, n.DynamicPorts)
	}
	b.WriteByte('|')
}

// alone names what a task asks for to have it to itself.
func alone(b *strings.Builder, r *api.Resources) {
	if cores := api.Deref(r.Cores); cores > 0 {
		fmt.Fprintf(b, "%d", cores)
		if r.NUMA != nil {
			b.WriteString(r.NUMA.Affinity)
		}
	}
	for _, d := range r.Devices {
		fmt.Fprintf(b, "%s %d", d.Name, api.Deref(d.Count))
		for _, c := range d.Constraints {
			fmt.Fprintf(b, "%q", *c)
		}
	}
	b.WriteByte('|')
}

// volumes names the volumes that a group of a job of that namespace asks for.
func volumes(b *strings.Builder, namespace string, list map[string]*api.VolumeRequest) {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		v := list[name]
		fmt.Fprintf(b, "%s %q %t %t|", v.Type, v.Source, v.ReadOnly, v.PerAlloc)
		if v.Type == api.VolumeCSI {
			fmt.Fprintf(b, "%s %s %s|", namespace, v.AccessMode, v.AttachmentMode)
		}
	}
}
