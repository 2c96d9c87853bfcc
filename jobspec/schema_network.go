package jobspec

import (
	"reflect"

	"github.com/droverhq/drover/api"
)

var networkSchema = define(schema{
	attributes: "mode hostname mbits=MBits device cidr=CIDR ip=IP",
	blocks: []nested{
		{name: "port", label: "-", body: portSchema, decode: decodePort},
		{name: "dns", field: "DNS", body: define(schema{attributes: "servers searches options"})},
		{name: "cni", field: "CNI", body: define(schema{blocks: []nested{{name: "args", field: "Args", orAttribute: true}}})},
	},
	done: func(d *decoder, b *sourceBlock, target reflect.Value) {
		if target.Addr().Interface().(*api.NetworkResource).MBits != nil {
			d.warnf(b.at, "%s", warningMBits)
		}
	},
})

var portSchema = define(schema{attributes: "static=Value to host_network ignore_collision"})

// decodePort reads a port. One with a static number is reserved, the others are
// chosen by the scheduler.
func decodePort(d *decoder, b *sourceBlock, outer reflect.Value) {
	port := api.Port{Label: b.labels[0]}
	d.decodeBody(portSchema, b, reflect.ValueOf(&port).Elem())
	network := outer.Addr().Interface().(*api.NetworkResource)
	for _, ports := range [][]api.Port{network.ReservedPorts, network.DynamicPorts} {
		for _, other := range ports {
			if other.Label == port.Label {
				d.errorf(b.at, "Duplicate port block", "There is another port labelled %q.", port.Label)
				return
			}
		}
	}
	if port.Value > 0 {
		network.ReservedPorts = append(network.ReservedPorts, port)
	} else {
		network.DynamicPorts = append(network.DynamicPorts, port)
	}
}

// decodeTaskNetwork reads a network block in a task's resources, where older
// jobspecs have it.
func decodeTaskNetwork(d *decoder, b *sourceBlock, outer reflect.Value) {
	network := new(api.NetworkResource)
	d.decodeBody(networkSchema, b, reflect.ValueOf(network).Elem())
	resources := outer.Addr().Interface().(*api.Resources)
	resources.Networks = append(resources.Networks, network)
	d.warnf(b.at, "%s", warningTaskNetwork)
}
