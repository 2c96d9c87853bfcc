// Package network finds out how a node can be reached.
package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System fs.FS // the root directory of the machine
	// Interface is the one whose addresses tasks get their ports on. Empty: that of
	// the default route, or the loopback one if there is none.
	Interface string
	Speed     int // in Mbit/s, replaces what is found out if it is not 0
	// Hosts are the host networks beside the default one, by name.
	Hosts map[string]api.HostNetworkInfo
}

// defaultSpeed is taken for an interface that does not tell, in Mbit/s.
const defaultSpeed = 1000

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "network" }

// Run implements fingerprint.Fingerprinter.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	ifi, err := f.choose()
	if err != nil {
		return nil, err
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of interface %s: %w", ifi.Name, err)
	}
	addresses, networks := describe(ifi, addrs, f.speed(ifi.Name))
	if len(addresses) == 0 {
		return nil, fmt.Errorf("interface %s has no address; name another one with network_interface", ifi.Name)
	}
	hosts, missing := f.hostNetworks(ifi.Name, addresses)
	return func(n *api.Node) {
		n.Attributes["unique.network.ip-address"] = addresses[0].Address
		n.Resources.Networks = append(n.Resources.Networks, networks...)
		n.Resources.NodeNetworks = append(n.Resources.NodeNetworks, hosts...)
		if len(f.Hosts) > 0 {
			n.HostNetworks = map[string]*api.HostNetworkInfo{}
		}
		for name, info := range f.Hosts {
			n.HostNetworks[name] = &info
		}
	}, missing
}

// describe lists an interface's addresses, IPv4 first, link-local ones only where
// there is nothing else.
func describe(ifi *net.Interface, addrs []net.Addr, speed int) ([]api.NodeNetworkAddress, []*api.NodeNetworkInfo) {
	var v4, v6, local []net.IP
	for _, a := range addrs {
		ipnet, ok := a.(*net.IPNet)
		switch {
		case !ok:
		case ipnet.IP.IsLinkLocalUnicast():
			local = append(local, ipnet.IP)
		case ipnet.IP.To4() != nil:
			v4 = append(v4, ipnet.IP)
		default:
			v6 = append(v6, ipnet.IP)
		}
	}
	ips := append(v4, v6...)
	if len(ips) == 0 {
		ips = local
	}
	var addresses []api.NodeNetworkAddress
	var networks []*api.NodeNetworkInfo
	for _, ip := range ips {
		family, bits := "ipv6", 128
		if ip.To4() != nil {
			family, bits = "ipv4", 32
		}
		addresses = append(addresses, api.NodeNetworkAddress{Family: family, Alias: "default", Address: ip.String()})
		networks = append(networks, &api.NodeNetworkInfo{
			Mode: "host", Device: ifi.Name, CIDR: fmt.Sprintf("%s/%d", ip, bits), IP: ip.String(), MBits: speed,
		})
	}
	return addresses, networks
}

func (f Fingerprint) choose() (*net.Interface, error) {
	name := f.Interface
	if name == "" {
		name = f.defaultRoute()
	}
	if name != "" {
		ifi, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("network interface %s: %w", name, err)
		}
		return ifi, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	for i := range all {
		if all[i].Flags&net.FlagLoopback != 0 {
			return &all[i], nil
		}
	}
	return nil, errors.New("no network interface with a default route, and no loopback one; name one with network_interface")
}

// defaultRoute returns the interface of the default route with the lowest metric.
func (f Fingerprint) defaultRoute() string {
	b, err := fs.ReadFile(f.System, "proc/net/route")
	if err != nil {
		return ""
	}
	name, best := "", uint64(0)
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[1] != "00000000" || fields[7] != "00000000" {
			continue
		}
		metric, err := strconv.ParseUint(fields[6], 10, 32)
		if err == nil && (name == "" || metric < best) {
			name, best = fields[0], metric
		}
	}
	return name
}

func (f Fingerprint) speed(device string) int {
	if f.Speed > 0 {
		return f.Speed
	}
	b, err := fs.ReadFile(f.System, path.Join("sys/class/net", device, "speed"))
	if err != nil {
		return defaultSpeed
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n <= 0 {
		return defaultSpeed
	}
	return n
}
