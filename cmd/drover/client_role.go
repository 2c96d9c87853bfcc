package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/config"
	"github.com/droverhq/drover/nodeagent"
	"github.com/droverhq/drover/nodeagent/artifact"
	"github.com/droverhq/drover/nodeagent/cpuset"
	"github.com/droverhq/drover/nodeagent/drivers"
	"github.com/droverhq/drover/nodeagent/fingerprint"
	"github.com/droverhq/drover/nodeagent/network"
	"github.com/droverhq/drover/server/httpapi"
)

// clientRole is the agent as a node.
type clientRole struct {
	agent   *nodeagent.Agent
	servers []string // that it was told of
	log     logr.Logger
	leaves  func(os.Signal) bool // says whether the node is left when the agent gets a signal
}

func newClientRole(_ context.Context, a *agent) (*clientRole, error) {
	cfg := a.cfg
	options, err := driverOptions(a)
	if err != nil {
		return nil, err
	}
	list, err := drivers.Build(options)
	if err != nil {
		return nil, err
	}
	httpAddr, err := a.advertised(config.HTTP, a.http)
	if err != nil {
		return nil, err
	}
	servers := cfg.SessionServers()
	if a.sessions != nil {
		servers = append([]string{a.sessions.Addr().String()}, servers...)
	}
	c := &cfg.Client
	reservable, err := cores("client.reservable_cores", c.ReservableCores)
	if err != nil {
		return nil, err
	}
	kept, err := cores("client.reserved.cores", c.Reserved.Cores)
	if err != nil {
		return nil, err
	}
	fetching, err := artifacts(c.Artifact)
	if err != nil {
		return nil, err
	}
	n, err := nodeagent.New(nodeagent.Options{
		DataDir: cfg.DataDir, AllocDir: c.AllocDir, StateDir: c.StateDir, Servers: servers, Drivers: list,
		Name: cfg.Name, Region: cfg.Region, Datacenter: cfg.Datacenter, NodePool: c.NodePool, NodeClass: c.NodeClass,
		Meta: c.Meta, HTTPAddr: httpAddr, Version: version,
		Fingerprint: fingerprint.Options{
			NetworkInterface: c.NetworkInterface, NetworkSpeed: c.NetworkSpeed, TotalCompute: c.CPUTotalCompute,
			TotalMemoryMB: c.MemoryTotalMB, TotalDiskMB: c.DiskTotalMB,
			ReservableCores: reservable, ReservedCores: kept, HostVolumes: hostVolumes(c.HostVolumes),
			HostNetworks: hostNetworks(c.HostNetworks),
		},
		Network:        networks(c),
		Reserved:       reserved(c.Reserved),
		MinDynamicPort: c.MinDynamicPort, MaxDynamicPort: c.MaxDynamicPort, MaxKillTimeout: c.MaxKillTimeout,
		StopTasks: cfg.Dev, Artifacts: fetching, Drain: drainSpec(c.DrainOnShutdown),
		GC:        gcOptions(c),
		GCVolumes: c.GCVolumesOnNodeGC, MaxAllocs: c.NodeMaxAllocs,
		Disk: nodeagent.DiskOptions{Unbound: !c.EnforceEphemeralDisk},
		Log:  a.log.WithName("node"),
	})
	if err != nil {
		return nil, err
	}
	return &clientRole{n, servers, a.log.WithName("node"), cfg.LeavesOn}, nil
}

func gcOptions(c *config.Client) nodeagent.GCOptions {
	return nodeagent.GCOptions{
		Interval: c.GCInterval, MaxAllocs: c.GCMaxAllocs, MaxAge: c.GCMaxAge, Parallel: c.GCParallel,
		DiskUsage: c.GCDiskUsage, InodeUsage: c.GCInodeUsage,
	}
}

// cores reads a set of cores as it stands in a configuration.
func cores(name, set string) ([]uint16, error) {
	list, err := cpuset.Parse(set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; write it as 0-3,8", name, err)
	}
	return list, nil
}

func artifacts(c config.Artifact) (artifact.Options, error) {
	o := artifact.Options{
		Open: c.DisableFilesystemIsolation, ReadPaths: c.FilesystemIsolationExtraPaths, TrustLinks: c.DisableArtifactInspection,
		Limits: artifact.Limits{
			HTTPReadTimeout: c.HTTPReadTimeout, GitTimeout: c.GitTimeout, DecompressionMaxFiles: c.DecompressionFileCountLimit,
		},
	}
	for name := range strings.SplitSeq(c.SetEnvironmentVariables, ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.Env = append(o.Env, name)
		}
	}
	var err error
	if o.Limits.HTTPMaxBytes, err = config.Bytes(c.HTTPMaxSize); err != nil {
		return o, err
	}
	o.Limits.DecompressionMaxBytes, err = config.Bytes(c.DecompressionSizeLimit)
	return o, err
}

func hostVolumes(configured map[string]config.HostVolume) map[string]api.HostVolumeInfo {
	out := make(map[string]api.HostVolumeInfo, len(configured))
	for name, v := range configured {
		out[name] = api.HostVolumeInfo{Path: v.Path, ReadOnly: v.ReadOnly}
	}
	return out
}

func hostNetworks(configured map[string]config.HostNetwork) map[string]api.HostNetworkInfo {
	out := make(map[string]api.HostNetworkInfo, len(configured))
	for name, n := range configured {
		out[name] = api.HostNetworkInfo{Name: name, CIDR: n.CIDR, Interface: n.Interface, ReservedPorts: n.ReservedPorts}
	}
	return out
}

// networks says how networks of allocations' own are made.
func networks(c *config.Client) network.Options {
	return network.Options{
		PluginPath: filepath.SplitList(c.CNIPath), ConfigDir: c.CNIConfigDir,
		Bridge:   network.Bridge{Name: c.BridgeName, Subnet: c.BridgeSubnet, SubnetIPv6: c.BridgeSubnetIPv6, Hairpin: c.BridgeHairpin},
		Wildcard: c.WildcardPorts && len(c.HostNetworks) == 0,
	}
}

func reserved(r config.Reserved) api.NodeReservedResources {
	return api.NodeReservedResources{
		Cpu:      api.NodeReservedCPUResources{CpuShares: int64(r.CPU)},
		Memory:   api.NodeMemoryResources{MemoryMB: int64(r.Memory)},
		Disk:     api.NodeDiskResources{DiskMB: int64(r.Disk)},
		Networks: api.NodeReservedNetworkResources{ReservedHostPorts: r.ReservedPorts},
	}
}

// start runs the node role until ctx is cancelled. By what signal that is says whether the
// node is left.
func (r *clientRole) start(ctx context.Context) error {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		var signal signalError
		if errors.As(cause, &signal) && r.leaves(signal.Signal) {
			cause = nodeagent.ErrLeave
		}
		cancel(cause)
	})
	defer stop()
	return r.agent.Start(own)
}

func drainSpec(d *config.DrainOnShutdown) *api.DrainSpec {
	if d == nil {
		return nil
	}
	spec := d.Spec()
	return &spec
}

// health says whether the node has found what it is and talked to a server.
func (r *clientRole) health() api.AgentRoleHealth {
	select {
	case <-r.agent.Ready():
		return api.AgentRoleHealth{OK: true, Message: "ok"}
	default:
		return api.AgentRoleHealth{Message: "no session with a server yet"}
	}
}

// serveHTTP answers on a machine that is only a node: about itself. For everything
// else one asks a server.
func (r *clientRole) serveHTTP(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/agent/health", func(w http.ResponseWriter, _ *http.Request) {
		h := r.health()
		if !h.OK {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, `{"client":{"ok":%t,"message":%q}}`, h.OK, h.Message)
	})
	mux.Handle("/v1/client/", r.agent.Handler())
	started := time.Now()
	mux.HandleFunc("GET /v1/metrics", func(w http.ResponseWriter, req *http.Request) {
		gauges, err := r.agent.Metrics(req.Context())
		if err != nil {
			r.log.Error(err, "some metrics of the node are missing")
		}
		if err := httpapi.NodeMetrics(w, req, gauges, started); err != nil {
			r.log.V(1).Info("metrics not sent", "reason", err.Error())
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		http.Error(w, "not supported: "+req.URL.Path+" on a machine that is only a node; ask a server", http.StatusNotImplemented)
	})
	const limit = 10 * time.Second
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: limit}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}
