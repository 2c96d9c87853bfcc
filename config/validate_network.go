package config

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// maxInterfaceName is the longest name that the kernel gives an interface.
const maxInterfaceName = 15

// validateNetworks checks what networks of allocations' own are made by, and the host
// networks.
func (c *Client) validateNetworks(wrong *api.InvalidError) {
	for _, dir := range append(filepath.SplitList(c.CNIPath), c.CNIConfigDir) {
		if dir != "" && !filepath.IsAbs(dir) {
			wrong.Add("client.cni_path", fmt.Sprintf("cni_path and cni_config_dir are folders of this machine, absolute, not %q", dir))
		}
	}
	if n := len(c.BridgeName); n == 0 || n > maxInterfaceName || strings.ContainsAny(c.BridgeName, "/ \t:") {
		wrong.Add("client.bridge_network_name", fmt.Sprintf("%q is no name of an interface: 1 to %d characters, without spaces, colons and slashes", c.BridgeName, maxInterfaceName))
	}
	if prefix, err := netip.ParsePrefix(c.BridgeSubnet); err != nil || !prefix.Addr().Is4() {
		wrong.Add("client.bridge_network_subnet", fmt.Sprintf("%q is not a network of IPv4, such as 172.26.64.0/20", c.BridgeSubnet))
	}
	if prefix, err := netip.ParsePrefix(c.BridgeSubnetIPv6); c.BridgeSubnetIPv6 != "" && (err != nil || !prefix.Addr().Is6()) {
		wrong.Add("client.bridge_network_subnet_ipv6", fmt.Sprintf("%q is not a network of IPv6, such as fd00:a110:c8::/120", c.BridgeSubnetIPv6))
	}
	for _, name := range slices.Sorted(maps.Keys(c.HostNetworks)) {
		c.HostNetworks[name].validate(fmt.Sprintf("client.host_network %q", name), wrong)
	}
}

func (n HostNetwork) validate(at string, wrong *api.InvalidError) {
	if n.CIDR == "" && n.Interface == "" {
		wrong.Add(at, "needs a cidr, an interface, or both")
	}
	if n.CIDR == "" {
		return
	}
	for _, cidr := range strings.Split(n.CIDR, ",") {
		if _, err := netip.ParsePrefix(strings.TrimSpace(cidr)); err != nil {
			wrong.Add(at, fmt.Sprintf("cidr: %q is not a network, such as 10.0.0.0/8", cidr))
		}
	}
}
