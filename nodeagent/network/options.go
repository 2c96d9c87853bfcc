package network

import (
	"strings"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/nodeagent/driver"
)

// Modes of networks. Those of CNI are ModeCNI with the network's name behind it.
const (
	ModeHost   = "host" // also when empty: that of the node
	ModeBridge = "bridge"
	ModeNone   = "none" // only loopback
	ModeCNI    = "cni/"
)

// Defaults of Options.
const (
	DefaultConfigDir    = "/opt/cni/config"
	DefaultBridge       = "nomad"
	DefaultBridgeSubnet = "172.26.64.0/20"
)

// DefaultPluginPath lists where CNI plugins are looked for, first ones first.
func DefaultPluginPath() []string {
	return []string{"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"}
}

// Options says how networks are made. The zero values are the defaults.
type Options struct {
	// Dir is where records are kept. Its path is absolute. Required to make networks.
	Dir string
	// PluginPath lists the folders of CNI plugins; default DefaultPluginPath.
	PluginPath []string
	// ConfigDir has a configuration for each network of mode cni/NAME.
	ConfigDir string
	Bridge    Bridge
	// Wildcard maps a port on all addresses of the node, not only on the one that the
	// allocation got it on.
	Wildcard bool
	// Owners are the drivers that make their own namespaces, by their names.
	Owners map[string]driver.NetworkOwner
	// System is the root directory of the machine, for /etc/resolv.conf; default "/".
	System string
	Log    logr.Logger
}

// Bridge is the bridge of networks of mode bridge.
type Bridge struct {
	Name       string
	Subnet     string // of IPv4, which is the machine's own affair
	SubnetIPv6 string // empty: no IPv6
	Hairpin    bool   // allocations reach themselves by their mapped ports
}

// WithDefaults fills in what is not set.
func (o Options) WithDefaults() Options {
	if len(o.PluginPath) == 0 {
		o.PluginPath = DefaultPluginPath()
	}
	if o.ConfigDir == "" {
		o.ConfigDir = DefaultConfigDir
	}
	if o.Bridge.Name == "" {
		o.Bridge.Name = DefaultBridge
	}
	if o.Bridge.Subnet == "" {
		o.Bridge.Subnet = DefaultBridgeSubnet
	}
	if o.System == "" {
		o.System = "/"
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	return o
}

// IsOwn reports whether a group with that network mode has a network of its own.
func IsOwn(mode string) bool { return mode != "" && mode != ModeHost }

// cniName returns NAME of cni/NAME.
func cniName(mode string) (name string, ok bool) { return strings.CutPrefix(mode, ModeCNI) }
