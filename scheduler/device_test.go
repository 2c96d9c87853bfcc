package scheduler

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

func tesla() *api.NodeDeviceResource {
	return &api.NodeDeviceResource{
		Vendor: "nvidia", Type: "gpu", Name: "Tesla K80/2",
		Instances: []*api.NodeDevice{{ID: "GPU-1", Healthy: true}, {ID: "GPU-2", Healthy: true}, {ID: "GPU-3"}},
		Attributes: map[string]*api.DeviceAttribute{
			"memory": {Int: new(int64(11441)), Unit: "MiB"}, "clock": {Float: new(0.875), Unit: "GHz"},
			"driver_version": {String: new("460.32.3")}, "ecc": {Bool: new(true)}, "flags": {String: new("a, b")}, "empty": {Unit: "MiB"},
		},
	}
}

func TestConditionsOnDevicesCompareWhatTheyName(t *testing.T) {
	q := quantities{units()}
	for _, c := range []struct {
		left, operand, right string
		met                  bool
	}{
		{"${device.attr.memory}", ">=", "11 GiB", true},
		{"${device.attr.memory}", ">", "11.5 GiB", false},
		{"11 GiB", "<=", "${device.attr.memory}", true},
		{"${device.attr.memory}", "=", "11441", false}, // without a unit it is something else
		{"${device.attr.memory}", "!=", "11441", false},
		{"${device.attr.memory}", "!=", "11440 MiB", true},
		{"${device.attr.clock}", "is", "875 MHz", true},
		{"${device.attr.ecc}", "=", "true", true},
		{"${device.attr.ecc}", "!=", "false", true},
		{"${device.attr.ecc}", ">=", "true", true},
		{"${device.attr.ecc}", ">", "false", false},
		{"${device.attr.missing}", "=", "${device.attr.missing}", false},
		{"${device.attr.missing}", "!=", "${device.attr.missing}", false},
		{"${device.attr.missing}", "!=", "x", true},
		{"${device.attr.missing}", "is_not_set", "", true},
		{"${device.attr.empty}", "is_set", "", false},
		{"${device.attr.memory}", "is_set", "", true},
		{"${device.attr.driver_version}", "version", ">= 450, < 470", true},
		{"${device.attr.driver_version}", "semver", ">= 461.0.0", false},
		{"${device.attr.driver_version}", "regexp", "^460", true},
		{"${device.attr.memory}", "regexp", "MiB$", true},
		{"${device.attr.flags}", "set_contains", "b,a", true},
		{"${device.attr.flags}", "set_contains_any", "c,a", true},
		{"${device.attr.flags}", "set_contains_all", "c,a", false},
		{"${device.vendor}", "=", "nvidia", true},
		{"${device.type}", "==", "gpu", true},
		{"${device.model}", "=", "Tesla K80/2", true},
		{"${device.model}", "not", "1080ti", true},
		{"${device.ids}", "set_contains", "GPU-2,GPU-3", true},
		{"${attr.kernel.name}", "=", "linux", false},
		{"${device.vendor}", "unheard of", "nvidia", false},
	} {
		if got := newDeviceCondition(c.left, c.operand, c.right, q).met(tesla()); got != c.met {
			t.Errorf("%s %s %s is %v", c.left, c.operand, c.right, got)
		}
	}
}

func TestConditionsOnIDsSayWhichDevicesMayBeGiven(t *testing.T) {
	q := quantities{units()}
	for _, c := range []struct {
		left, operand, right string
		ids                  []string
	}{
		{"${device.ids}", "set_contains", "GPU-1,GPU-3", []string{"GPU-1", "GPU-3"}},
		{"${device.ids}", "set_contains", "GPU-1,GPU-9", nil}, // the latter is not there
		{"${device.ids}", "set_contains_any", "GPU-1,GPU-9", []string{"GPU-1"}},
		{"${device.ids}", "=", "GPU-2", []string{"GPU-2"}},
		{"GPU-2", "=", "${device.ids}", []string{"GPU-2"}},
		{"${device.ids}", "!=", "GPU-2", []string{"GPU-1", "GPU-3"}},
		{"${device.ids}", "regexp", "-[12]$", []string{"GPU-1", "GPU-2"}},
	} {
		ask := newDeviceAsk("t", &api.RequestedDevice{
			Name: "gpu", Constraints: []*api.Constraint{{LTarget: c.left, Operand: c.operand, RTarget: c.right}},
		}, q)
		var ids []string
		for _, instance := range tesla().Instances {
			if ask.takes(tesla(), instance.ID) {
				ids = append(ids, instance.ID)
			}
		}
		if !slices.Equal(ids, c.ids) || !ask.suits(tesla()) {
			t.Errorf("%s %s %s allows %v, want %v", c.left, c.operand, c.right, ids, c.ids)
		}
	}
}

func TestDevicesAreNamedByTypeVendorAndName(t *testing.T) {
	for name, want := range map[string]bool{
		"gpu": true, "nvidia/gpu": true, "nvidia/gpu/Tesla K80/2": true,
		"fpga": false, "amd/gpu": false, "nvidia/gpu/Tesla K80": false, "nvidia": false,
	} {
		if got := api.ParseDeviceKind(name).Includes(tesla()); got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
}

// drawDevices draws a node with devices of up to three kinds, of which some are held.
func drawDevices(t *rapid.T) (*api.Node, devices) {
	n, held := &api.Node{Resources: &api.NodeResources{}}, devices{}
	for i, vendor := range []string{"a", "b", "c"} {
		d := &api.NodeDeviceResource{
			Vendor: vendor, Type: "gpu", Name: "x",
			Attributes: map[string]*api.DeviceAttribute{"size": {Int: new(int64(rapid.IntRange(0, 3).Draw(t, "size")))}},
		}
		for k := range rapid.IntRange(0, 3).Draw(t, "instances") {
			id := fmt.Sprint(vendor, k)
			d.Instances = append(d.Instances, &api.NodeDevice{ID: id, Healthy: rapid.IntRange(0, 5).Draw(t, "ill") > 0})
			if rapid.IntRange(0, 4).Draw(t, "held") == 0 {
				held.hold([]heldDevice{{vendor, "gpu", "x", id}})
			}
		}
		if i == 0 || len(d.Instances) > 0 {
			n.Resources.Devices = append(n.Resources.Devices, d)
		}
	}
	return n, held
}

func drawDeviceAsks(t *rapid.T) []deviceAsk {
	g := &api.TaskGroup{Tasks: []*api.Task{{Name: "t", Resources: &api.Resources{}}}}
	for range rapid.IntRange(1, 3).Draw(t, "asks") {
		d := &api.RequestedDevice{
			Name:  rapid.SampledFrom([]string{"gpu", "gpu", "a/gpu", "b/gpu/x"}).Draw(t, "name"),
			Count: new(uint64(rapid.IntRange(1, 2).Draw(t, "count"))),
		}
		size := func() string { return fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "wanted size")) }
		if rapid.IntRange(0, 2).Draw(t, "constraint") == 0 {
			d.Constraints = append(d.Constraints, &api.Constraint{LTarget: "${device.attr.size}", Operand: ">=", RTarget: size()})
		}
		if rapid.IntRange(0, 2).Draw(t, "ids") == 0 {
			d.Constraints = append(d.Constraints, &api.Constraint{LTarget: "${device.ids}", Operand: "regexp", RTarget: rapid.SampledFrom([]string{"[01]", "[12]", "1"}).Draw(t, "pattern")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "affinities") {
			weight := rapid.SampledFrom([]int8{-50, 30, 100}).Draw(t, "weight")
			d.Affinities = append(d.Affinities, &api.Affinity{LTarget: "${device.attr.size}", Operand: "=", RTarget: size(), Weight: &weight})
		}
		g.Tasks[0].Resources.Devices = append(g.Tasks[0].Resources.Devices, d)
	}
	return devicesWanted(g)
}

// everyGift calls visit with the weight of each way to give the asks devices.
func everyGift(n *api.Node, asks []deviceAsk, taken devices, weight float64, visit func(weight float64)) {
	if len(asks) == 0 {
		visit(weight)
		return
	}
	ask := &asks[0]
	for _, d := range n.Resources.Devices {
		if !ask.suits(d) {
			continue
		}
		var choose func(from, count int)
		choose = func(from, count int) {
			if count == 0 {
				everyGift(n, asks[1:], taken, weight+ask.score(d), visit)
				return
			}
			for k := from; k < len(d.Instances); k++ {
				one := heldDevice{d.Vendor, d.Type, d.Name, d.Instances[k].ID}
				if taken[one] == 0 && d.Instances[k].Healthy && ask.takes(d, one.id) {
					taken.hold([]heldDevice{one})
					choose(k+1, count-1)
					taken.letGo([]heldDevice{one})
				}
			}
		}
		choose(0, ask.count)
	}
}

func TestTheBestDevicesThatFitTogetherAreGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, held := drawDevices(t)
		asks := drawDeviceAsks(t)
		var o deviceOffer
		exhausted := o.assign(n, held, nil, asks)

		possible, best := false, 0.0
		everyGift(n, asks, held.clone(), 0, func(weight float64) {
			if !possible || weight > best {
				possible, best = true, weight
			}
		})
		if possible != (exhausted == "") || possible && o.weight != best {
			t.Fatalf("exhausted is %q with %v; possible is %v with %v", exhausted, o.weight, possible, best)
		}
		if !possible {
			return
		}
		for i, got := range o.given("t") {
			kind := &api.NodeDeviceResource{Vendor: got.Vendor, Type: got.Type, Name: got.Name}
			if len(got.DeviceIDs) != asks[i].count || !asks[i].kind.Includes(kind) {
				t.Fatalf("%+v is given for %+v", got, asks[i])
			}
			for _, id := range got.DeviceIDs {
				one := heldDevice{got.Vendor, got.Type, got.Name, id}
				if held[one] > 0 || !asks[i].takes(kind, id) {
					t.Fatalf("%s is given", id)
				}
				held.hold([]heldDevice{one})
			}
		}
	})
}
