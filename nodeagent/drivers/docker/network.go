package docker

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// network says which network the task is in, what of it is published, and by what names
// things are found there.
func (r *recipe) network() (*network.NetworkingConfig, error) {
	if r.task.Network.Owner != "" || r.task.Network.Namespace != "" {
		return nil, r.joinNetwork()
	}
	mode := r.c.NetworkMode
	if mode == "" {
		mode = "default"
	}
	r.host.NetworkMode = container.NetworkMode(mode)
	r.host.DNSSearch, r.host.DNSOptions, r.host.ExtraHosts = r.c.DNSSearch, r.c.DNSOptions, r.c.ExtraHosts
	for _, text := range r.c.DNS {
		addr, err := address(text)
		if err != nil {
			return nil, fmt.Errorf("dns_servers: %w", err)
		}
		r.host.DNS = append(r.host.DNS, addr)
	}
	if err := r.publish(); err != nil {
		return nil, err
	}
	return r.endpoint(mode)
}

// endpoint says by which addresses and names the task is known in its network.
func (r *recipe) endpoint(mode string) (*network.NetworkingConfig, error) {
	c := r.c
	if len(c.Aliases) == 0 && c.IPv4 == "" && c.IPv6 == "" && c.MAC == "" {
		return nil, nil
	}
	endpoint := &network.EndpointSettings{Aliases: c.Aliases}
	v4, err := address(c.IPv4)
	if err != nil {
		return nil, fmt.Errorf("ipv4_address: %w", err)
	}
	v6, err := address(c.IPv6)
	if err != nil {
		return nil, fmt.Errorf("ipv6_address: %w", err)
	}
	if v4.IsValid() || v6.IsValid() {
		endpoint.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: v4, IPv6Address: v6}
	}
	if c.MAC != "" {
		if err := endpoint.MacAddress.UnmarshalText([]byte(c.MAC)); err != nil {
			return nil, fmt.Errorf("mac_address: %w", err)
		}
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{mode: endpoint}}, nil
}

// address parses an address; an empty text is none.
func address(text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(text)
}

// publish opens the ports of the node that the task asked for, over TCP and UDP.
func (r *recipe) publish() error {
	wrong := &api.InvalidError{What: "config of driver " + Name}
	r.config.ExposedPorts, r.host.PortBindings = network.PortSet{}, network.PortMap{}
	for _, label := range r.c.Ports {
		i := slices.IndexFunc(r.task.Ports, func(p api.AllocatedPort) bool { return p.Label == label })
		if i < 0 {
			wrong.Add("ports", fmt.Sprintf("%q is no port of the group's network block", label))
			continue
		}
		p := r.task.Ports[i]
		inside := p.To
		if inside <= 0 {
			inside = p.Value
		}
		r.open(p, inside, wrong)
	}
	for label, inside := range r.c.PortMap {
		i := slices.IndexFunc(r.task.Ports, func(p api.AllocatedPort) bool { return p.Label == label })
		if i < 0 {
			wrong.Add("port_map."+label, "is no port of the task's or the group's network block")
			continue
		}
		r.open(r.task.Ports[i], int(inside), wrong)
	}
	return wrong.OrNil()
}

func (r *recipe) open(p api.AllocatedPort, inside int, wrong *api.InvalidError) {
	hostIP, err := address(p.HostIP)
	if err != nil {
		wrong.Add("ports", fmt.Sprintf("port %q is of an address that is none: %v", p.Label, err))
		return
	}
	for _, protocol := range []network.IPProtocol{network.TCP, network.UDP} {
		port, ok := network.PortFrom(uint16(inside), protocol)
		if !ok {
			wrong.Add("ports", fmt.Sprintf("%d is not a port", inside))
			return
		}
		r.config.ExposedPorts[port] = struct{}{}
		r.host.PortBindings[port] = append(r.host.PortBindings[port], network.PortBinding{HostIP: hostIP, HostPort: strconv.Itoa(p.Value)})
	}
}

// joinNetwork puts the task in the network of its allocation. The engine lets nobody
// change the names there but who made it, so what the task says of them is written
// into files that it sees in place of the engine's.
func (r *recipe) joinNetwork() error {
	n, c := r.task.Network, r.c
	if n.Owner == "" {
		return fmt.Errorf("%w: driver %s joins only networks that it has made itself", api.ErrNotSupported, Name)
	}
	wrong := &api.InvalidError{What: "config of driver " + Name}
	for key, set := range map[string]bool{
		"network_mode": c.NetworkMode != "", "hostname": c.Hostname != "", "network_aliases": len(c.Aliases) > 0,
		"ipv4_address": c.IPv4 != "", "ipv6_address": c.IPv6 != "", "mac_address": c.MAC != "", "port_map": len(c.PortMap) > 0,
	} {
		if set {
			wrong.Add(key, "is the allocation's: say it in the group's network block")
		}
	}
	if err := wrong.OrNil(); err != nil {
		return err
	}
	r.host.NetworkMode = container.NetworkMode("container:" + n.Owner)
	hosts, err := r.namesFile("hosts", n.Hosts, hostsLines(c.ExtraHosts), false)
	if err != nil {
		return err
	}
	resolv, err := r.namesFile("resolv.conf", n.Resolv, resolvLines(c.DNS, c.DNSSearch, c.DNSOptions), len(c.DNS) > 0)
	if err != nil {
		return err
	}
	for target, source := range map[string]string{"/etc/hosts": hosts, "/etc/resolv.conf": resolv} {
		if source != "" {
			r.bind(driver.Mount{Source: source, Target: target})
		}
	}
	return nil
}

// namesFile returns the file that a task sees as one of names: the allocation's, or,
// when the task has lines of its own, one with these, in place of those or after them.
func (r *recipe) namesFile(name, allocation, own string, instead bool) (string, error) {
	if own == "" {
		return allocation, nil
	}
	content := "127.0.0.1 localhost\n::1 localhost\n"
	if allocation != "" {
		b, err := os.ReadFile(allocation)
		if err != nil {
			return "", err
		}
		content = string(b)
	}
	if instead {
		content = ""
	}
	file := filepath.Join(r.task.StateDir, name)
	return file, os.WriteFile(file, []byte(content+own), 0o644)
}

func hostsLines(extra []string) string {
	var b strings.Builder
	for _, host := range extra {
		name, addr, _ := strings.Cut(host, ":")
		fmt.Fprintf(&b, "%s %s\n", addr, name)
	}
	return b.String()
}

func resolvLines(servers, search, options []string) string {
	var b strings.Builder
	for _, server := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", server)
	}
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	if len(options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(options, " "))
	}
	return b.String()
}
