package network

import (
	"encoding/json"

	"github.com/containernetworking/cni/libcni"
)

// adminChain is the iptables chain that operators put rules of their own in, which
// stand before those of allocations. Firewalls that were set up for Nomad know it.
const adminChain = "NOMAD-ADMIN"

// Forms of a network's configuration, as the CNI specification and the plugins have them.
type (
	confList struct {
		CNIVersion string `json:"cniVersion"`
		Name       string `json:"name"`
		Plugins    []any  `json:"plugins"`
	}
	loopbackConf struct {
		Type string `json:"type"`
	}
	bridgeConf struct {
		Type         string   `json:"type"`
		Bridge       string   `json:"bridge"`
		IPMasq       bool     `json:"ipMasq"`
		IsGateway    bool     `json:"isGateway"`
		ForceAddress bool     `json:"forceAddress"`
		HairpinMode  bool     `json:"hairpinMode"`
		IPAM         ipamConf `json:"ipam"`
	}
	ipamConf struct {
		Type   string        `json:"type"`
		Ranges [][]rangeConf `json:"ranges"`
		Routes []routeConf   `json:"routes"`
	}
	rangeConf struct {
		Subnet string `json:"subnet"`
	}
	routeConf struct {
		Dst string `json:"dst"`
	}
	firewallConf struct {
		Type       string `json:"type"`
		Backend    string `json:"backend"`
		AdminChain string `json:"iptablesAdminChainName"`
	}
	portmapConf struct {
		Type         string          `json:"type"`
		Capabilities map[string]bool `json:"capabilities"`
		SNAT         bool            `json:"snat"`
	}
)

// Plugins returns the CNI plugins that networks of mode bridge need.
func (Bridge) Plugins() []string {
	return []string{"bridge", "firewall", "host-local", "loopback", "portmap"}
}

// confList returns the configuration of the bridge's network: every allocation gets an
// address of the subnet, is masqueraded outside of it, and is let through the firewall.
func (b Bridge) confList() (*libcni.NetworkConfigList, error) {
	ipam := ipamConf{
		Type:   "host-local",
		Ranges: [][]rangeConf{{{b.Subnet}}},
		Routes: []routeConf{{"0.0.0.0/0"}},
	}
	if b.SubnetIPv6 != "" {
		ipam.Ranges = append(ipam.Ranges, []rangeConf{{b.SubnetIPv6}})
		ipam.Routes = append(ipam.Routes, routeConf{"::/0"})
	}
	raw, err := json.Marshal(confList{
		CNIVersion: "0.4.0", // the newest that all plugins in use speak
		Name:       b.Name,
		Plugins: []any{
			loopbackConf{Type: "loopback"},
			bridgeConf{
				Type: "bridge", Bridge: b.Name, IPMasq: true, IsGateway: true, ForceAddress: true,
				HairpinMode: b.Hairpin, IPAM: ipam,
			},
			firewallConf{Type: "firewall", Backend: "iptables", AdminChain: adminChain},
			portmapConf{Type: "portmap", Capabilities: map[string]bool{"portMappings": true}, SNAT: true},
		},
	})
	if err != nil {
		return nil, err
	}
	return libcni.NetworkConfFromBytes(raw)
}
