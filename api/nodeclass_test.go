package api_test

import (
	"testing"

	"github.com/droverhq/drover/api"
)

func classNode() *api.Node {
	return &api.Node{
		ID: "n1", Name: "one", Datacenter: "dc1", NodePool: "default", NodeClass: "big",
		Attributes: map[string]string{"kernel.name": "linux", "unique.hostname": "one"},
		Meta:       map[string]string{"rack": "r1", "unique.serial": "1"},
		Drivers:    map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
		Resources: &api.NodeResources{
			Memory:       api.NodeMemoryResources{MemoryMB: 1000},
			NodeNetworks: []*api.NodeNetworkResource{{Mode: "host", Addresses: []api.NodeNetworkAddress{{Alias: "default", Family: "ipv4", Address: "10.0.0.1"}}}},
			Devices:      []*api.NodeDeviceResource{{Vendor: "v", Type: "gpu", Name: "x", Attributes: map[string]*api.DeviceAttribute{"memory": {Int: new(int64(8)), Unit: "GiB"}}}},
		},
	}
}

func TestNodesThatNoRuleCanTellApartAreOfOneClass(t *testing.T) {
	want := api.ComputeClass(classNode())
	for name, change := range map[string]func(*api.Node){
		"nothing":          func(*api.Node) {},
		"ID and name":      func(n *api.Node) { n.ID, n.Name = "n2", "two" },
		"unique attribute": func(n *api.Node) { n.Attributes["unique.hostname"] = "two" },
		"unique meta":      func(n *api.Node) { n.Meta["unique.serial"] = "2" },
		"how much it has":  func(n *api.Node) { n.Resources.Memory.MemoryMB = 1 },
		"its address":      func(n *api.Node) { n.Resources.NodeNetworks[0].Addresses[0].Address = "10.0.0.2" },
	} {
		n := classNode()
		change(n)
		if got := api.ComputeClass(n); got != want {
			t.Errorf("%s makes another class", name)
		}
	}
}

func TestNodesThatARuleCanTellApartAreNot(t *testing.T) {
	seen := map[string]string{api.ComputeClass(classNode()): "the node itself"}
	for name, change := range map[string]func(*api.Node){
		"datacenter":       func(n *api.Node) { n.Datacenter = "dc2" },
		"pool":             func(n *api.Node) { n.NodePool = "other" },
		"class":            func(n *api.Node) { n.NodeClass = "small" },
		"class as pool":    func(n *api.Node) { n.NodePool, n.NodeClass = n.NodeClass, n.NodePool },
		"attribute":        func(n *api.Node) { n.Attributes["kernel.name"] = "windows" },
		"meta":             func(n *api.Node) { n.Meta["rack"] = "r2" },
		"attribute gone":   func(n *api.Node) { delete(n.Attributes, "kernel.name") },
		"driver ill":       func(n *api.Node) { n.Drivers["raw_exec"].Healthy = false },
		"driver gone":      func(n *api.Node) { n.Drivers = nil },
		"host volume":      func(n *api.Node) { n.HostVolumes = map[string]*api.HostVolumeInfo{"v": {}} },
		"read-only volume": func(n *api.Node) { n.HostVolumes = map[string]*api.HostVolumeInfo{"v": {ReadOnly: true}} },
		"host network":     func(n *api.Node) { n.HostNetworks = map[string]*api.HostNetworkInfo{"v": {}} },
		"network mode":     func(n *api.Node) { n.Resources.NodeNetworks[0].Mode = "bridge" },
		"device":           func(n *api.Node) { n.Resources.Devices[0].Name = "y" },
		"device memory":    func(n *api.Node) { n.Resources.Devices[0].Attributes["memory"].Int = new(int64(9)) },
	} {
		n := classNode()
		change(n)
		class := api.ComputeClass(n)
		if other, ok := seen[class]; ok {
			t.Errorf("%s makes the same class as %s", name, other)
		}
		seen[class] = name
	}
}
