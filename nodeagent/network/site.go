package network

import (
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Request is a network that is to be made.
type Request struct {
	AllocID string
	Mode    string // "" and host: only the files that DNS and Hostname ask for
	// Hostname is what the allocation is called inside; empty: as the node.
	Hostname string
	DNS      *api.DNSConfig
	Ports    []api.AllocatedPort
	// Args are passed to CNI plugins.
	Args map[string]string
	// Owner is the driver that makes the namespace; empty: the agent.
	Owner string
}

// Site is a network that has been made.
type Site struct {
	Network driver.Network
	Status  *api.AllocNetworkStatus
}

// portMapping is a port of the node that leads into a namespace, as CNI plugins have it.
type portMapping struct {
	HostPort      int    `json:"hostPort"`
	ContainerPort int    `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP,omitempty"`
}

// mappings returns the port mappings of an allocation, for TCP and UDP.
func mappings(ports []api.AllocatedPort, wildcard bool) []portMapping {
	var out []portMapping
	for _, p := range ports {
		for _, protocol := range []string{"tcp", "udp"} {
			m := portMapping{HostPort: p.Value, ContainerPort: p.To, Protocol: protocol, HostIP: p.HostIP}
			if m.ContainerPort <= 0 {
				m.ContainerPort = p.Value
			}
			if wildcard {
				m.HostIP = ""
			}
			out = append(out, m)
		}
	}
	return out
}

// statusOf says how an allocation can be reached, as its plugins have told: by the first
// addresses of the interface that they gave it.
func statusOf(result *current.Result, ifName string, dns *api.DNSConfig) *api.AllocNetworkStatus {
	status := &api.AllocNetworkStatus{InterfaceName: ifName, DNS: dns}
	for _, ip := range result.IPs {
		if ip.Interface != nil && !inside(result, *ip.Interface, ifName) {
			continue
		}
		switch text := ip.Address.IP.String(); {
		case ip.Address.IP.To4() != nil && status.Address == "":
			status.Address = text
		case ip.Address.IP.To4() != nil:
		case status.AddressIPv6 == "":
			status.AddressIPv6 = text
		}
	}
	if status.Address == "" {
		status.Address = status.AddressIPv6
	}
	if status.DNS == nil && len(result.DNS.Nameservers) > 0 {
		status.DNS = &api.DNSConfig{
			Servers: result.DNS.Nameservers, Searches: result.DNS.Search, Options: result.DNS.Options,
		}
	}
	return status
}

// inside reports whether an interface is the allocation's.
func inside(result *current.Result, i int, ifName string) bool {
	return i >= 0 && i < len(result.Interfaces) && result.Interfaces[i].Sandbox != "" && result.Interfaces[i].Name == ifName
}
