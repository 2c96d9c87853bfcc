package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/droverhq/drover/api"
)

var logLevels = []string{"DEBUG", "INFO", "WARN", "ERROR"}

// maxDispatchPayload is 1 MiB: every replica holds the payloads of all jobs that there
// are.
const maxDispatchPayload = 1 << 20

const (
	minSessionTimeout = time.Second
	// maxSessionTimeout is by how much servers reckon that a node agent may notice late
	// that it is out of contact (see stop_on_client_after).
	maxSessionTimeout = 15 * time.Second
)

// Validate reports everything that is wrong, as an *api.InvalidError.
func (a *Agent) Validate() error {
	wrong := &api.InvalidError{What: "agent configuration"}
	a.LogLevel = strings.ToUpper(a.LogLevel)
	if !slices.Contains(logLevels, a.LogLevel) {
		wrong.Add("log_level", fmt.Sprintf("%q is not one of %s", a.LogLevel, strings.Join(logLevels, ", ")))
	}
	if a.Name == "" {
		wrong.Add("name", "the machine has no host name; give it one with name or -node")
	}
	if !a.Server.Enabled && !a.Client.Enabled {
		wrong.Add("", `enable at least one role: server { enabled = true }, client { enabled = true }, or start with -dev`)
	}
	a.validateDirs(wrong)
	a.validatePorts(wrong)
	if a.Server.Enabled {
		a.validateServer(wrong)
	}
	if a.Client.Enabled {
		a.validateClient(wrong)
	}
	return wrong.OrNil()
}

func (a *Agent) validateDirs(wrong *api.InvalidError) {
	if a.DataDir == "" && !a.Dev {
		wrong.Add("data_dir", "a folder for everything that must outlive the agent is required: data_dir = \"/var/lib/drover\"")
	}
	for name, dir := range map[string]string{"data_dir": a.DataDir, "client.alloc_dir": a.Client.AllocDir, "client.state_dir": a.Client.StateDir} {
		if dir != "" && !filepath.IsAbs(dir) {
			wrong.Add(name, fmt.Sprintf("%q must be an absolute path", dir))
		}
	}
}

func (a *Agent) validatePorts(wrong *api.InvalidError) {
	used := map[int]string{}
	for _, p := range []struct {
		name string
		port int
	}{{"http", a.Ports.HTTP}, {"rpc", a.Ports.RPC}, {"serf", a.Ports.Serf}, {"raft", a.Ports.Raft}} {
		if p.port < 0 || p.port > 65535 {
			wrong.Add("ports."+p.name, fmt.Sprintf("%d is not a port (0 to 65535)", p.port))
		}
		if other, taken := used[p.port]; taken && p.port != 0 {
			wrong.Add("ports."+p.name, fmt.Sprintf("%d is also the port of %s", p.port, other))
		}
		used[p.port] = p.name
	}
}

func (a *Agent) validateServer(wrong *api.InvalidError) {
	if n := a.Server.BootstrapExpect; n != 1 {
		wrong.Add("server.bootstrap_expect", fmt.Sprintf("not supported: a cluster of %d servers; this version runs one, set bootstrap_expect = 1", n))
	}
	if a.Server.JobTrackedVersions < 1 {
		wrong.Add("server.job_tracked_versions", "must be at least 1")
	}
	if a.Server.JobGCInterval <= 0 {
		wrong.Add("server.job_gc_interval", "must be more than 0s")
	}
	for _, limit := range []struct {
		name string
		n    int
	}{
		{"eval_gc_limit", a.Server.EvalGCLimit},
		{"alloc_gc_limit", a.Server.AllocGCLimit},
		{"deployment_gc_limit", a.Server.DeploymentGCLimit},
		{"job_gc_limit", a.Server.JobGCLimit},
	} {
		if limit.n < 0 {
			wrong.Add("server."+limit.name, "must not be negative; 0 is the default")
		}
	}
	if n := a.Server.DispatchPayloadLimit; n < 1 || n > maxDispatchPayload {
		wrong.Add("server.dispatch_payload_limit", fmt.Sprintf("%d is not between 1 and %d bytes", n, maxDispatchPayload))
	}
	if algorithm := a.Server.DefaultScheduler.Algorithm; algorithm != api.AlgorithmBinPack && algorithm != api.AlgorithmSpread {
		wrong.Add("server.default_scheduler_config.scheduler_algorithm",
			fmt.Sprintf("%q is neither %s nor %s", algorithm, api.AlgorithmBinPack, api.AlgorithmSpread))
	}
	if a.Server.HeartbeatGrace < 0 {
		wrong.Add("server.heartbeat_grace", "must not be negative")
	}
	if d := a.Server.SessionTimeout; d < minSessionTimeout || d > maxSessionTimeout {
		wrong.Add("server.session_timeout", fmt.Sprintf("%s is not between %s and %s", d, minSessionTimeout, maxSessionTimeout))
	}
	if a.Limits.HTTPMaxBodyBytes < 1<<10 {
		wrong.Add("limits.http_max_body_bytes", "must be at least 1024")
	}
}

func (a *Agent) validateClient(wrong *api.InvalidError) {
	a.validateArtifact(wrong)
	c := &a.Client
	if !a.Server.Enabled && len(c.Servers)+len(c.ServerJoin.RetryJoin) == 0 {
		wrong.Add("client.servers", `a node that is not also a server needs servers to turn to: servers = ["10.0.0.1:4647"]`)
	}
	if c.MinDynamicPort < 1 || c.MaxDynamicPort > 65535 || c.MinDynamicPort > c.MaxDynamicPort {
		wrong.Add("client.min_dynamic_port", fmt.Sprintf("%d to %d is not a range of ports", c.MinDynamicPort, c.MaxDynamicPort))
	}
	a.validateDrivers(wrong)
	for name, volume := range c.HostVolumes {
		switch at := fmt.Sprintf("client.host_volume %q", name); {
		case name == "" || strings.ContainsFunc(name, unicode.IsControl):
			wrong.Add(at, "a volume needs a name, without control characters")
		case !filepath.IsAbs(volume.Path):
			wrong.Add(at, fmt.Sprintf("path is that of a directory of this machine, absolute, not %q", volume.Path))
		}
	}
	c.validateNetworks(wrong)
	for name, percent := range map[string]float64{"gc_disk_usage_threshold": c.GCDiskUsage, "gc_inode_usage_threshold": c.GCInodeUsage} {
		if percent <= 0 || percent > 100 {
			wrong.Add("client."+name, "is a share in percent, above 0 and up to 100")
		}
	}
	if c.GCInterval < time.Second {
		wrong.Add("client.gc_interval", "must be at least 1s")
	}
	if c.GCParallel < 1 {
		wrong.Add("client.gc_parallel_destroys", "must be at least 1")
	}
	for name, n := range map[string]int{
		"gc_max_allocs": c.GCMaxAllocs, "node_max_allocs": c.NodeMaxAllocs, "network_speed": c.NetworkSpeed,
		"reserved.cpu": c.Reserved.CPU, "reserved.memory": c.Reserved.Memory, "reserved.disk": c.Reserved.Disk,
		"cpu_total_compute": c.CPUTotalCompute, "memory_total_mb": c.MemoryTotalMB, "disk_total_mb": c.DiskTotalMB,
	} {
		if n < 0 {
			wrong.Add("client."+name, "must not be negative")
		}
	}
}

// validateDrivers checks what DriverOption reads.
func (a *Agent) validateDrivers(wrong *api.InvalidError) {
	for driver, plugin := range a.Plugins {
		switch v := plugin.Config["enabled"].(type) {
		case nil, bool:
		case string:
			if _, err := strconv.ParseBool(v); err != nil {
				wrong.Add(fmt.Sprintf("plugin %q", driver), fmt.Sprintf("enabled is true or false, not %q", v))
			}
		default:
			wrong.Add(fmt.Sprintf("plugin %q", driver), fmt.Sprintf("enabled is true or false, not %v", v))
		}
	}
	for driver := range driverSettings {
		name := "driver." + driver + ".enable"
		if v, ok := a.Client.Options[name]; ok {
			if _, err := strconv.ParseBool(v); err != nil {
				wrong.Add("client.options", fmt.Sprintf("%s is true or false, not %q", name, v))
			}
		}
	}
}

// DriverOption reports whether a driver is switched on, by its plugin block
// (plugin "raw_exec" { config { enabled = true } }) or by the older client option
// (options = { "driver.raw_exec.enable" = "true" }).
func (a *Agent) DriverOption(driver string) bool {
	switch v := a.Plugins[driver].Config["enabled"].(type) {
	case bool:
		return v
	case string:
		return isTrue(v)
	}
	return isTrue(a.Client.Options["driver."+driver+".enable"])
}

// isTrue reads what validateDrivers has checked.
func isTrue(s string) bool {
	on, err := strconv.ParseBool(s)
	return err == nil && on
}
