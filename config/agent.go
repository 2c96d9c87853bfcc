package config

import (
	"os"
	"time"

	"github.com/droverhq/drover/api"
)

// Agent is the configuration of an agent. Fields carry the names that they have in
// files; a field without a name can't be set there.
type Agent struct {
	Region     string `hcl:"region"`     // of the servers; default global
	Datacenter string `hcl:"datacenter"` // of this machine; default dc1
	Name       string `hcl:"name"`       // of this machine; default its host name
	DataDir    string `hcl:"data_dir"`   // absolute; required but with -dev
	BindAddr   string `hcl:"bind_addr"`  // default 0.0.0.0
	LogLevel   string `hcl:"log_level"`  // DEBUG, INFO, WARN or ERROR; default INFO
	LogJSON    bool   `hcl:"log_json"`

	// EnableDebug lets whoever may talk to the agent look at profiles of its process
	// (GET /v1/agent/pprof/); default false, with -dev true. It costs nothing until
	// somebody does.
	EnableDebug bool `hcl:"enable_debug"`

	// LeaveOnInterrupt and LeaveOnTerminate have a node left as drain_on_shutdown says when
	// the agent is interrupted (Ctrl-C) or terminated (SIGTERM); default false. Without
	// drain_on_shutdown they have no effect: tasks run on, for the next agent.
	LeaveOnInterrupt bool `hcl:"leave_on_interrupt"`
	LeaveOnTerminate bool `hcl:"leave_on_terminate"`

	Ports     Ports     `hcl:"ports,block"`
	Addresses Addresses `hcl:"addresses,block"`
	Advertise Addresses `hcl:"advertise,block"`
	Server    Server    `hcl:"server,block"`
	Client    Client    `hcl:"client,block"`
	Limits    Limits    `hcl:"limits,block"`

	// PluginDir has the programs that are task drivers, absolute; default: plugins in
	// DataDir.
	PluginDir string `hcl:"plugin_dir"`

	// Plugins are the settings of task drivers, by name; those of a driver that is a
	// program also by the name of its file.
	Plugins map[string]Plugin `hcl:"plugin,labeled"`

	// Dev says that this is a throw-away agent: server and client on loopback, data in
	// a temporary folder.
	Dev bool
}

// Ports are the agent's listening ports; 0 lets the system choose one.
type Ports struct {
	HTTP int `hcl:"http"` // default 4646
	RPC  int `hcl:"rpc"`  // node sessions; default 4647
	Serf int `hcl:"serf"` // gossip; default 4648
	Raft int `hcl:"raft"` // between servers; default 4649
}

// Addresses are IP addresses, or go-sockaddr templates, by service: those to listen
// on, or (advertise) those that others use, there with an optional port.
type Addresses struct {
	HTTP string `hcl:"http"`
	RPC  string `hcl:"rpc"`
	Serf string `hcl:"serf"`
	Raft string `hcl:"raft"`
}

// Server is the server role.
type Server struct {
	Enabled         bool `hcl:"enabled"`
	BootstrapExpect int  `hcl:"bootstrap_expect"` // how many servers form the cluster; default 1

	// How long ended objects are kept before they are collected.
	EvalGCThreshold       time.Duration `hcl:"eval_gc_threshold"`       // default 1h
	JobGCThreshold        time.Duration `hcl:"job_gc_threshold"`        // default 4h
	DeploymentGCThreshold time.Duration `hcl:"deployment_gc_threshold"` // default 1h
	NodeGCThreshold       time.Duration `hcl:"node_gc_threshold"`       // default 24h
	// How many ended objects are kept at most, however young: the oldest go first.
	EvalGCLimit       int `hcl:"eval_gc_limit"`       // default 100,000
	AllocGCLimit      int `hcl:"alloc_gc_limit"`      // default 100,000
	DeploymentGCLimit int `hcl:"deployment_gc_limit"` // default 20,000
	JobGCLimit        int `hcl:"job_gc_limit"`        // default 20,000

	JobGCInterval      time.Duration `hcl:"job_gc_interval"`      // how often it is looked; default 5m
	JobTrackedVersions int           `hcl:"job_tracked_versions"` // versions kept of a job; default 6

	// DispatchPayloadLimit is how large the payload of a dispatched job may be, in bytes;
	// default 16 KiB, at most 1 MiB. Servers keep it in memory, with the job.
	DispatchPayloadLimit int `hcl:"dispatch_payload_limit"`

	// HeartbeatGrace is how long a node may be without a session before it is down;
	// default 10s.
	HeartbeatGrace time.Duration `hcl:"heartbeat_grace"`
	// SessionTimeout is how long a node may be silent before its session ends, from 1s to
	// 15s, which is the default. A shorter one costs a message to and from each node more
	// often (three within the time), and ends sessions of machines that stall for so long.
	SessionTimeout time.Duration `hcl:"session_timeout"`

	// DefaultScheduler is how a new cluster places jobs. It has no effect on one that is
	// there: drover operator scheduler set-config changes that.
	DefaultScheduler Scheduler `hcl:"default_scheduler_config,block"`
}

// Scheduler is how jobs are placed: see api.SchedulerConfiguration.
type Scheduler struct {
	Algorithm              string     `hcl:"scheduler_algorithm"`             // binpack or spread; default binpack
	MemoryOversubscription bool       `hcl:"memory_oversubscription_enabled"` // memory_max has an effect
	RejectJobs             bool       `hcl:"reject_job_registration"`
	Paused                 bool       `hcl:"pause_eval_broker"`
	Preemption             Preemption `hcl:"preemption_config,block"`
}

// Preemption says which types of jobs may evict others of lower priority.
type Preemption struct {
	System   bool `hcl:"system_scheduler_enabled"` // default true
	SysBatch bool `hcl:"sysbatch_scheduler_enabled"`
	Batch    bool `hcl:"batch_scheduler_enabled"`
	Service  bool `hcl:"service_scheduler_enabled"`
}

// Configuration returns it as the servers keep it.
func (s *Scheduler) Configuration() *api.SchedulerConfiguration {
	return &api.SchedulerConfiguration{
		SchedulerAlgorithm: s.Algorithm, MemoryOversubscriptionEnabled: s.MemoryOversubscription,
		RejectJobRegistration: s.RejectJobs, PauseEvalBroker: s.Paused,
		PreemptionConfig: api.PreemptionConfig{
			SystemSchedulerEnabled: s.Preemption.System, SysBatchSchedulerEnabled: s.Preemption.SysBatch,
			BatchSchedulerEnabled: s.Preemption.Batch, ServiceSchedulerEnabled: s.Preemption.Service,
		},
	}
}

// Client is the node role.
type Client struct {
	Enabled  bool   `hcl:"enabled"`
	AllocDir string `hcl:"alloc_dir"` // default DATA_DIR/client/alloc
	StateDir string `hcl:"state_dir"` // default DATA_DIR/client/state

	// Servers are the session addresses of servers, with or without a port.
	Servers    []string   `hcl:"servers"`
	ServerJoin ServerJoin `hcl:"server_join,block"`

	NodeClass        string            `hcl:"node_class"`
	NodePool         string            `hcl:"node_pool"` // default default
	Meta             map[string]string `hcl:"meta"`
	Options          map[string]string `hcl:"options"`           // driver.raw_exec.enable, …
	NetworkInterface string            `hcl:"network_interface"` // whose addresses tasks get; default the one with the default route
	NetworkSpeed     int               `hcl:"network_speed"`     // Mbit/s, instead of what is found
	CPUTotalCompute  int               `hcl:"cpu_total_compute"` // MHz, instead of what is found
	MemoryTotalMB    int               `hcl:"memory_total_mb"`   // MiB, instead of what is found
	DiskTotalMB      int               `hcl:"disk_total_mb"`     // MiB, instead of what is found
	ReservableCores  string            `hcl:"reservable_cores"`  // 0-3,8: those that tasks may have to themselves; default all
	MinDynamicPort   int               `hcl:"min_dynamic_port"`  // default 20000
	MaxDynamicPort   int               `hcl:"max_dynamic_port"`  // default 32000
	Reserved         Reserved          `hcl:"reserved,block"`
	MaxKillTimeout   time.Duration     `hcl:"max_kill_timeout"` // upper bound of a task's kill_timeout; default 30s

	// Networks that allocations have to themselves.
	CNIPath          string `hcl:"cni_path"`            // folders of CNI plugins, with colons between; default /opt/cni/bin:/usr/lib/cni:/usr/libexec/cni
	CNIConfigDir     string `hcl:"cni_config_dir"`      // of the networks of mode cni/NAME; default /opt/cni/config
	BridgeName       string `hcl:"bridge_network_name"` // default nomad
	BridgeSubnet     string `hcl:"bridge_network_subnet"`
	BridgeSubnetIPv6 string `hcl:"bridge_network_subnet_ipv6"`
	BridgeHairpin    bool   `hcl:"bridge_network_hairpin_mode"`
	// WildcardPorts maps ports on all addresses where there are no host networks; default true.
	WildcardPorts bool `hcl:"bind_wildcard_default_host_network"`
	// HostNetworks are addresses of the machine that jobs may ask ports of, by name.
	HostNetworks map[string]HostNetwork `hcl:"host_network,labeled"`
	// ChrootEnv are directories and files of the machine that tasks with a root of their
	// own see, and where; default those that programs need (see isolated.DefaultChrootEnv).
	ChrootEnv map[string]string `hcl:"chroot_env"`

	// HostVolumes are directories that jobs may ask for, by name.
	HostVolumes map[string]HostVolume `hcl:"host_volume,labeled"`

	Artifact Artifact `hcl:"artifact,block"`

	// DrainOnShutdown says how the node is emptied before the agent ends; nil: it is not.
	DrainOnShutdown *DrainOnShutdown `hcl:"drain_on_shutdown,block"`

	NodeMaxAllocs int `hcl:"node_max_allocs"` // placement puts no more on the node; default 0: no bound

	GCInterval   time.Duration `hcl:"gc_interval"`              // how often it is looked for files to remove; default 1m
	GCMaxAllocs  int           `hcl:"gc_max_allocs"`            // ended allocations whose files are kept; default 1000
	GCMaxAge     time.Duration `hcl:"gc_max_age"`               // for how long; default 24h
	GCParallel   int           `hcl:"gc_parallel_destroys"`     // files of how many are removed at a time; default 16
	GCDiskUsage  float64       `hcl:"gc_disk_usage_threshold"`  // how full the disk may get, in percent; default 80
	GCInodeUsage float64       `hcl:"gc_inode_usage_threshold"` // and its inodes; default 70
	// GCVolumesOnNodeGC: servers that forget the node forget its dynamic host volumes too.
	GCVolumesOnNodeGC bool `hcl:"gc_volumes_on_node_gc"`

	// EnforceEphemeralDisk ends allocations whose files take more than the size of their
	// ephemeral_disk; default true. Drover's own: the reference only places by it.
	EnforceEphemeralDisk bool `hcl:"enforce_ephemeral_disk"`
}

// DrainOnShutdown is how a node is emptied before its agent ends.
type DrainOnShutdown struct {
	Deadline         time.Duration `hcl:"deadline"`           // that instances have to leave; default 1h
	Force            bool          `hcl:"force"`              // all stop at once
	IgnoreSystemJobs bool          `hcl:"ignore_system_jobs"` // those of system jobs run on
}

// Spec returns it as a drain.
func (d *DrainOnShutdown) Spec() api.DrainSpec {
	spec := api.DrainSpec{Deadline: d.Deadline, IgnoreSystemJobs: d.IgnoreSystemJobs}
	switch {
	case d.Force:
		spec.Deadline = -1
	case d.Deadline == 0:
		spec.Deadline = time.Hour
	}
	return spec
}

// Artifact says how artifacts of tasks are fetched. Sizes are written as "100GB" (powers
// of 1000) or "1GiB" (of 1024).
type Artifact struct {
	HTTPReadTimeout time.Duration `hcl:"http_read_timeout"` // of one request; default 30m
	HTTPMaxSize     string        `hcl:"http_max_size"`     // of one answer; default 100GB
	GitTimeout      time.Duration `hcl:"git_timeout"`       // default 30m

	DecompressionSizeLimit      string `hcl:"decompression_size_limit"`       // of all files of an archive; default 100GB
	DecompressionFileCountLimit int    `hcl:"decompression_file_count_limit"` // default 4096

	// DisableArtifactInspection lets links that lead out of it, devices and pipes through.
	DisableArtifactInspection bool `hcl:"disable_artifact_inspection"`
	// DisableFilesystemIsolation lets the process that fetches run as the agent's user, and
	// read and write what that may.
	DisableFilesystemIsolation bool `hcl:"disable_filesystem_isolation"`
	// FilesystemIsolationExtraPaths are further absolute paths that it may read, from
	// which jobs may fetch files.
	FilesystemIsolationExtraPaths []string `hcl:"filesystem_isolation_extra_paths"`
	// SetEnvironmentVariables are the names, divided by commas, of variables of the agent
	// that it gets.
	SetEnvironmentVariables string `hcl:"set_environment_variables"`
}

// HostVolume is a directory that a machine offers.
type HostVolume struct {
	Path     string `hcl:"path"`      // absolute; required
	ReadOnly bool   `hcl:"read_only"` // for jobs that only read it
}

// HostNetwork is the addresses of an interface, or in some networks, or both.
type HostNetwork struct {
	CIDR          string `hcl:"cidr"` // 10.0.0.0/8,fd00::/8
	Interface     string `hcl:"interface"`
	ReservedPorts string `hcl:"reserved_ports"` // 22,80,8000-9000
}

// ServerJoin says how servers are found.
type ServerJoin struct {
	RetryJoin []string `hcl:"retry_join"`
}

// Reserved is what tasks don't get of a machine.
type Reserved struct {
	CPU           int    `hcl:"cpu"`            // MHz, beside those of cores
	Cores         string `hcl:"cores"`          // 0-3,8
	Memory        int    `hcl:"memory"`         // MiB
	Disk          int    `hcl:"disk"`           // MiB
	ReservedPorts string `hcl:"reserved_ports"` // 22,80,8000-9000
}

// Limits bound what clients may take of a server.
type Limits struct {
	HTTPMaxBodyBytes int `hcl:"http_max_body_bytes"` // largest request body; default 32 MiB
}

// Plugin is the settings of a task driver.
type Plugin struct {
	Args   []string       `hcl:"args"` // of a driver that is a program
	Config map[string]any `hcl:"config,map"`
}

// LeavesOn reports whether the agent leaves when it gets a signal.
func (a *Agent) LeavesOn(s os.Signal) bool {
	if s == os.Interrupt {
		return a.LeaveOnInterrupt
	}
	return a.LeaveOnTerminate
}

// Default returns the configuration of an agent whose files set nothing: no role,
// no data_dir.
func Default() *Agent {
	name, err := os.Hostname()
	if err != nil {
		name = "" // Validate asks for one
	}
	return &Agent{
		Region: "global", Datacenter: "dc1", Name: name,
		BindAddr: "0.0.0.0", LogLevel: "INFO",
		Ports: Ports{HTTP: 4646, RPC: 4647, Serf: 4648, Raft: 4649},
		Server: Server{
			BootstrapExpect: 1,
			EvalGCThreshold: time.Hour, JobGCThreshold: 4 * time.Hour,
			DeploymentGCThreshold: time.Hour, NodeGCThreshold: 24 * time.Hour,
			JobGCInterval: 5 * time.Minute, JobTrackedVersions: 6,
			DispatchPayloadLimit: 16 << 10,
			HeartbeatGrace:       10 * time.Second, SessionTimeout: maxSessionTimeout,
			DefaultScheduler: Scheduler{Algorithm: api.AlgorithmBinPack, Preemption: Preemption{System: true}},
		},
		Client: Client{
			NodePool:     "default",
			Meta:         map[string]string{},
			Options:      map[string]string{},
			HostVolumes:  map[string]HostVolume{},
			HostNetworks: map[string]HostNetwork{},
			BridgeName:   "nomad", BridgeSubnet: "172.26.64.0/20", WildcardPorts: true,
			MinDynamicPort: 20000, MaxDynamicPort: 32000,
			MaxKillTimeout: 30 * time.Second,
			Artifact: Artifact{
				HTTPReadTimeout: 30 * time.Minute, HTTPMaxSize: "100GB", GitTimeout: 30 * time.Minute,
				DecompressionSizeLimit: "100GB", DecompressionFileCountLimit: 4096,
			},
			GCInterval: time.Minute, GCMaxAllocs: 1000, GCMaxAge: 24 * time.Hour,
			GCParallel: 16, GCDiskUsage: 80, GCInodeUsage: 70, EnforceEphemeralDisk: true,
		},
		Limits:  Limits{HTTPMaxBodyBytes: 32 << 20},
		Plugins: map[string]Plugin{},
	}
}

// dev turns defaults into those of -dev.
func (a *Agent) dev() {
	a.Dev, a.EnableDebug = true, true
	a.BindAddr = "127.0.0.1"
	a.Server.Enabled, a.Client.Enabled = true, true
	a.Client.NetworkInterface = "lo"
	a.Client.Options["driver.raw_exec.enable"] = "true"
}
