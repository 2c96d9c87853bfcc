package config

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
)

// Flags are the command line's settings: above all files.
type Flags struct {
	Dev       bool
	Paths     []string // -config: files and folders
	overrides []func(*Agent) error
}

// Register adds the agent's flags to a flag set.
func (f *Flags) Register(fs *flag.FlagSet) {
	fs.BoolVar(&f.Dev, "dev", false, "start a server and a node on loopback, with data in a temporary folder and the raw_exec driver on")
	fs.Func("config", "configuration file or folder, `path`; may be given more than once", func(s string) error {
		f.Paths = append(f.Paths, s)
		return nil
	})
	f.str(fs, "bind", "`address` to listen on", func(a *Agent) *string { return &a.BindAddr })
	f.str(fs, "data-dir", "`folder` for everything that must outlive the agent", func(a *Agent) *string { return &a.DataDir })
	f.str(fs, "dc", "`datacenter` of this machine", func(a *Agent) *string { return &a.Datacenter })
	f.str(fs, "region", "`region` of the servers", func(a *Agent) *string { return &a.Region })
	f.str(fs, "node", "`name` of this machine", func(a *Agent) *string { return &a.Name })
	f.str(fs, "log-level", "least `level` that is logged: DEBUG, INFO, WARN or ERROR", func(a *Agent) *string { return &a.LogLevel })
	f.str(fs, "node-class", "`class` of this machine", func(a *Agent) *string { return &a.Client.NodeClass })
	f.str(fs, "node-pool", "node `pool` of this machine", func(a *Agent) *string { return &a.Client.NodePool })
	f.str(fs, "network-interface", "network `interface` whose addresses tasks get", func(a *Agent) *string { return &a.Client.NetworkInterface })
	f.str(fs, "alloc-dir", "`folder` for the files of allocations", func(a *Agent) *string { return &a.Client.AllocDir })
	f.str(fs, "state-dir", "`folder` for the state of the node", func(a *Agent) *string { return &a.Client.StateDir })
	f.bool(fs, "server", "run as a server; -server=false: don't, whatever the files say", func(a *Agent) *bool { return &a.Server.Enabled })
	f.bool(fs, "client", "run as a node; -client=false: don't, whatever the files say", func(a *Agent) *bool { return &a.Client.Enabled })
	f.bool(fs, "log-json", "log lines as JSON", func(a *Agent) *bool { return &a.LogJSON })
	f.int(fs, "bootstrap-expect", "`number` of servers that form the cluster", func(a *Agent) *int { return &a.Server.BootstrapExpect })
	f.int(fs, "http-port", "`port` of the HTTP API; 0: any", func(a *Agent) *int { return &a.Ports.HTTP })
	f.int(fs, "rpc-port", "`port` of node sessions; 0: any", func(a *Agent) *int { return &a.Ports.RPC })
	f.int(fs, "raft-port", "`port` between servers; 0: any", func(a *Agent) *int { return &a.Ports.Raft })
	f.each(fs, "servers", "`addresses` of servers, separated by commas", func(a *Agent, s string) error {
		a.Client.Servers = append(a.Client.Servers, strings.Split(s, ",")...)
		return nil
	})
	f.each(fs, "meta", "what jobs can be constrained to, `key=value`; may be given more than once", func(a *Agent, s string) error {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("-meta %q: write it as key=value", s)
		}
		a.Client.Meta[k] = v
		return nil
	})
}

func (f *Flags) override(o func(*Agent) error) { f.overrides = append(f.overrides, o) }

func (f *Flags) each(fs *flag.FlagSet, name, usage string, set func(*Agent, string) error) {
	fs.Func(name, usage, func(s string) error {
		f.override(func(a *Agent) error { return set(a, s) })
		return nil
	})
}

func (f *Flags) str(fs *flag.FlagSet, name, usage string, at func(*Agent) *string) {
	f.each(fs, name, usage, func(a *Agent, s string) error {
		*at(a) = s
		return nil
	})
}

func (f *Flags) bool(fs *flag.FlagSet, name, usage string, at func(*Agent) *bool) {
	fs.BoolFunc(name, usage, func(s string) error {
		on, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("true or false is required")
		}
		f.override(func(a *Agent) error { *at(a) = on; return nil })
		return nil
	})
}

func (f *Flags) int(fs *flag.FlagSet, name, usage string, at func(*Agent) *int) {
	fs.Func(name, usage, func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("a number is required")
		}
		f.override(func(a *Agent) error { *at(a) = n; return nil })
		return nil
	})
}
