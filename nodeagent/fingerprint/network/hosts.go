package network

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// hostNetworks lists the interfaces with the addresses that jobs may ask ports of: the
// default ones, and those of host networks. An address has an entry for each network that
// it is of. The error names networks without any address.
func (f Fingerprint) hostNetworks(device string, addresses []api.NodeNetworkAddress) ([]*api.NodeNetworkResource, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	var out []*api.NodeNetworkResource
	found := map[string]bool{}
	for i := range all {
		ifi := &all[i]
		r := &api.NodeNetworkResource{Mode: "host", Device: ifi.Name, MacAddress: ifi.HardwareAddr.String(), Speed: f.speed(ifi.Name)}
		if ifi.Name == device {
			r.Addresses = slices.Clone(addresses)
		}
		for _, name := range slices.Sorted(maps.Keys(f.Hosts)) {
			own, err := addressesOf(ifi, name, f.Hosts[name])
			if err != nil {
				return nil, err
			}
			found[name] = found[name] || len(own) > 0
			r.Addresses = append(r.Addresses, own...)
		}
		if len(r.Addresses) > 0 {
			out = append(out, r)
		}
	}
	var missing []error
	for name, info := range f.Hosts {
		if !found[name] {
			missing = append(missing, fmt.Errorf("host network %q: no address of this machine fits (interface %q, cidr %q)", name, info.Interface, info.CIDR))
		}
	}
	return out, errors.Join(missing...)
}

// addressesOf returns the addresses of an interface that are of a host network.
func addressesOf(ifi *net.Interface, name string, info api.HostNetworkInfo) ([]api.NodeNetworkAddress, error) {
	if info.Interface != "" && info.Interface != ifi.Name {
		return nil, nil
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of interface %s: %w", ifi.Name, err)
	}
	var out []api.NodeNetworkAddress
	for _, a := range addrs {
		ipnet, ok := a.(*net.IPNet)
		if !ok || ipnet.IP.IsLinkLocalUnicast() || !within(ipnet.IP, info.CIDR) {
			continue
		}
		address := api.NodeNetworkAddress{Family: "ipv6", Alias: name, Address: ipnet.IP.String(), ReservedPorts: info.ReservedPorts}
		if ipnet.IP.To4() != nil {
			address.Family = "ipv4"
		}
		out = append(out, address)
	}
	return out, nil
}

// within reports whether an address is in one of some networks: 10.0.0.0/8,fd00::/8.
// Without any it is.
func within(ip net.IP, cidrs string) bool {
	if cidrs == "" {
		return true
	}
	for _, cidr := range strings.Split(cidrs, ",") {
		if _, ipnet, err := net.ParseCIDR(strings.TrimSpace(cidr)); err == nil && ipnet.Contains(ip) {
			return true
		}
	}
	return false
}
