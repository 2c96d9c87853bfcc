package network_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/network"
)

func run(t *testing.T, f network.Fingerprint) *api.Node {
	t.Helper()
	apply, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := &api.Node{Attributes: map[string]string{}, Resources: &api.NodeResources{}}
	apply(n)
	return n
}

func TestADevAgentOffersTheLoopbackInterface(t *testing.T) {
	n := run(t, network.Fingerprint{System: os.DirFS("/"), Interface: "lo"})
	if n.Attributes["unique.network.ip-address"] != "127.0.0.1" {
		t.Errorf("attributes: %v", n.Attributes)
	}
	host := n.Resources.NodeNetworks[0]
	if host.Mode != "host" || host.Device != "lo" || host.Speed != 1000 || host.Addresses[0] != (api.NodeNetworkAddress{Family: "ipv4", Alias: "default", Address: "127.0.0.1"}) {
		t.Errorf("network: %+v", host)
	}
	if first := *n.Resources.Networks[0]; first != (api.NodeNetworkInfo{Mode: "host", Device: "lo", CIDR: "127.0.0.1/32", IP: "127.0.0.1", MBits: 1000}) {
		t.Errorf("network: %+v", first)
	}
}

func TestTheInterfaceOfTheDefaultRouteIsTaken(t *testing.T) {
	const header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	routes := header +
		"nosuch0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
		"lo\t00000000\t010200C0\t0003\t0\t0\t50\t00000000\t0\t0\t0\n" +
		"nosuch1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
	n := run(t, network.Fingerprint{System: fstest.MapFS{
		"proc/net/route":         {Data: []byte(routes)},
		"sys/class/net/lo/speed": {Data: []byte("25000\n")},
	}})
	if got := n.Resources.NodeNetworks[0]; got.Device != "lo" || got.Speed != 25000 {
		t.Errorf("took %+v", got)
	}
}

func TestWithoutARouteTheLoopbackInterfaceIsTaken(t *testing.T) {
	n := run(t, network.Fingerprint{System: fstest.MapFS{}, Speed: 10})
	if got := n.Resources.NodeNetworks[0]; got.Device != "lo" || got.Speed != 10 {
		t.Errorf("took %+v", got)
	}
}

func TestAnUnknownInterfaceIsNamed(t *testing.T) {
	if _, err := (network.Fingerprint{System: fstest.MapFS{}, Interface: "nosuch0"}).Run(t.Context()); err == nil {
		t.Fatal("no error")
	}
}

func TestHostNetworksNameAddresses(t *testing.T) {
	hosts := map[string]api.HostNetworkInfo{
		"local":  {Name: "local", CIDR: "10.0.0.0/8, 127.0.0.0/8", ReservedPorts: "22,80"},
		"device": {Name: "device", Interface: "lo"},
	}
	n := run(t, network.Fingerprint{System: os.DirFS("/"), Interface: "lo", Hosts: hosts})
	var loopback *api.NodeNetworkResource
	for _, r := range n.Resources.NodeNetworks {
		if r.Device == "lo" {
			loopback = r
		}
	}
	aliases := map[string]string{}
	for _, a := range loopback.Addresses {
		if a.Address == "127.0.0.1" {
			aliases[a.Alias] = a.ReservedPorts
		}
	}
	if len(aliases) != 3 || aliases["local"] != "22,80" || aliases["default"] != "" {
		t.Errorf("aliases of 127.0.0.1: %v", aliases)
	}
	if len(n.HostNetworks) != 2 || *n.HostNetworks["local"] != hosts["local"] {
		t.Errorf("host networks: %v", n.HostNetworks)
	}
	apply, err := network.Fingerprint{System: os.DirFS("/"), Interface: "lo", Hosts: map[string]api.HostNetworkInfo{"far": {CIDR: "255.255.255.0/24"}}}.Run(t.Context())
	if err == nil || apply == nil {
		t.Errorf("a network without addresses is not told of: %v", err)
	}
}
