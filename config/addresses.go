package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/hashicorp/go-sockaddr/template"
)

// Service is something that an agent listens for.
type Service string

// The services of an agent.
const (
	HTTP Service = "http" // the API
	RPC  Service = "rpc"  // node sessions
	Serf Service = "serf" // gossip
	Raft Service = "raft" // between servers
)

func (s Service) of(a Addresses, p Ports) (address string, port int) {
	switch s {
	case HTTP:
		return a.HTTP, p.HTTP
	case RPC:
		return a.RPC, p.RPC
	case Serf:
		return a.Serf, p.Serf
	default:
		return a.Raft, p.Raft
	}
}

// Listen returns the host:port to listen on for a service.
func (a *Agent) Listen(s Service) (string, error) {
	address, port := s.of(a.Addresses, a.Ports)
	if address == "" {
		address = a.BindAddr
	}
	host, err := resolve(address)
	if err != nil {
		return "", fmt.Errorf("addresses.%s: %w", s, err)
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// AdvertiseAddr returns the host:port by which others reach a service: what
// advertise says, else the listening address, else (when that is all addresses) the
// first private address of the machine. port is the one really listened on.
func (a *Agent) AdvertiseAddr(s Service, port int) (string, error) {
	address, _ := s.of(a.Advertise, a.Ports)
	if address == "" {
		listen, err := a.Listen(s)
		if err != nil {
			return "", err
		}
		address, _, err = net.SplitHostPort(listen)
		if err != nil {
			return "", fmt.Errorf("addresses.%s: %w", s, err)
		}
	}
	host, err := resolve(address)
	if err != nil {
		return "", fmt.Errorf("advertise.%s: %w", s, err)
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		return net.JoinHostPort(h, p), nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if host, err = resolve(`{{ GetPrivateIP }}`); err != nil {
			return "", fmt.Errorf("advertise.%s: this machine has no private address (%w); set advertise { %s = \"ADDRESS\" }", s, err, s)
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// SessionServers returns the session addresses of the servers that a node turns to.
func (a *Agent) SessionServers() []string {
	var out []string
	for _, s := range append(append([]string{}, a.Client.Servers...), a.Client.ServerJoin.RetryJoin...) {
		if _, _, err := net.SplitHostPort(s); err != nil {
			s = net.JoinHostPort(strings.Trim(s, "[]"), "4647")
		}
		out = append(out, s)
	}
	return out
}

// resolve evaluates a go-sockaddr template; anything else stands for itself.
func resolve(s string) (string, error) {
	if !strings.Contains(s, "{{") {
		return s, nil
	}
	out, err := template.Parse(s)
	if err != nil {
		return "", fmt.Errorf("template %q: %w", s, err)
	}
	if out == "" {
		return "", fmt.Errorf("template %q yields no address on this machine", s)
	}
	first, _, _ := strings.Cut(out, " ")
	return first, nil
}
