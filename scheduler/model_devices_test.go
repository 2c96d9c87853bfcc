package scheduler_test

import (
	"fmt"
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// drawDevices gives a node devices of up to two vendors.
func drawDevices(t *rapid.T, n *api.Node) {
	for _, vendor := range []string{"a", "b"} {
		d := &api.NodeDeviceResource{
			Vendor: vendor, Type: "gpu", Name: "x",
			Attributes: map[string]*api.DeviceAttribute{"memory": {Int: new(int64(rapid.IntRange(1, 3).Draw(t, "memory"))), Unit: "GiB"}},
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "devices") {
			d.Instances = append(d.Instances, &api.NodeDevice{ID: fmt.Sprint(vendor, i), Healthy: rapid.IntRange(0, 7).Draw(t, "ill") > 0})
		}
		if len(d.Instances) > 0 {
			n.Resources.Devices = append(n.Resources.Devices, d)
		}
	}
}

// drawDeviceAsk lets the task of a job ask for devices.
func drawDeviceAsk(t *rapid.T, g *api.TaskGroup) {
	if rapid.IntRange(0, 2).Draw(t, "device") != 0 {
		return
	}
	d := &api.RequestedDevice{
		Name:  rapid.SampledFrom([]string{"gpu", "gpu", "a/gpu", "b/gpu/x"}).Draw(t, "name"),
		Count: new(uint64(rapid.IntRange(1, 2).Draw(t, "count"))),
	}
	if rapid.Bool().Draw(t, "liked") {
		d.Affinities = []*api.Affinity{
			{LTarget: "${device.attr.memory}", Operand: ">=", RTarget: "2048 MiB", Weight: new(int8(60))},
			{LTarget: "${device.vendor}", Operand: "=", RTarget: "a", Weight: new(int8(-40))},
		}
	}
	g.Tasks[0].Resources.Devices = []*api.RequestedDevice{d}
}

// freeDevices returns the devices of one kind that are healthy and that nobody has.
func (w *world) freeDevices(nodeID string, d *api.NodeDeviceResource) []string {
	var free []string
	for _, instance := range d.Instances {
		if instance.Healthy && w.deviceHolders(nodeID, d.Vendor, instance.ID) == 0 {
			free = append(free, instance.ID)
		}
	}
	return free
}

func (w *world) deviceHolders(nodeID, vendor, id string) int {
	holders := 0
	for _, a := range w.on(nodeID) {
		for _, grant := range a.Grants {
			for _, d := range grant.Devices {
				if d.Vendor == vendor && slices.Contains(d.DeviceIDs, id) {
					holders++
				}
			}
		}
	}
	return holders
}

// devicesFit reports whether a node has the devices that a group asks for, and the part
// of the score that they have, if it counts.
func (w *world) devicesFit(g *api.TaskGroup, n *api.Node) (fit bool, score float64, counts bool) {
	if len(g.Tasks[0].Resources.Devices) == 0 {
		return true, 0, false
	}
	ask := g.Tasks[0].Resources.Devices[0]
	score = math.Inf(-1)
	for _, d := range n.Resources.Devices {
		if !api.ParseDeviceKind(ask.Name).Includes(d) || len(w.freeDevices(n.ID, d)) < int(*ask.Count) {
			continue
		}
		weight := 0.0
		if *d.Attributes["memory"].Int >= 2 {
			weight += 60
		}
		if d.Vendor == "a" {
			weight -= 40
		}
		fit, score = true, max(score, weight/100)
	}
	return fit, score, len(ask.Affinities) > 0
}

// checkDevices holds what was granted against what was asked for.
func (w *world) checkDevices(t *rapid.T, g *api.TaskGroup, p scheduler.Placement) {
	var got []*api.AllocatedDeviceResource
	for _, grant := range p.Grants {
		got = append(got, grant.Devices...)
	}
	asks := g.Tasks[0].Resources.Devices
	if len(got) != len(asks) {
		t.Fatalf("%s has devices %+v", p.AllocID, got)
	}
	for i, d := range got {
		kind := slices.IndexFunc(w.node(p.NodeID).Resources.Devices, func(k *api.NodeDeviceResource) bool { return k.Vendor == d.Vendor })
		if kind < 0 || len(d.DeviceIDs) != int(*asks[i].Count) {
			t.Fatalf("%s has devices %+v", p.AllocID, d)
		}
		for _, id := range d.DeviceIDs {
			of := w.node(p.NodeID).Resources.Devices[kind].Instances
			well := slices.ContainsFunc(of, func(one *api.NodeDevice) bool { return one.ID == id && one.Healthy })
			if holders := w.deviceHolders(p.NodeID, d.Vendor, id); holders != 1 || !well {
				t.Fatalf("device %s of node %s: %d holders, well is %v", id, p.NodeID, holders, well)
			}
		}
	}
}
