package docker

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/droverhq/drover/nodeagent/driver/block"
)

// config is a task's config block.
type config struct {
	Image        string
	Load         string // archive in the task's directory that has the image
	ForcePull    bool
	PullTimeout  time.Duration
	Auth         *credentials // nil: none given
	AuthSoftFail bool

	Command, WorkDir string
	Args             []string
	Entrypoint       []string // nil: the image's
	TTY, Interactive bool
	Init             bool
	Labels           map[string]string
	Hostname         string
	NoHealthcheck    bool
	Logging          Logging

	Ports         []string
	PortMap       map[string]int64
	NetworkMode   string
	Aliases       []string
	IPv4, IPv6    string
	MAC           string
	DNS           []string
	DNSSearch     []string
	DNSOptions    []string
	ExtraHosts    []string
	Volumes       []volume
	VolumeDriver  string
	Mounts        []mountBlock
	Devices       []device
	GPUs          string // all, or how many; empty: none
	GPUIDs        []string
	ReadonlyRoot  bool
	ShmSize       int64 // bytes
	Tmpfs         map[string]string
	StorageOpt    map[string]string
	CapAdd        []string
	CapDrop       []string
	Privileged    bool
	SecurityOpt   []string
	GroupAdd      []string
	Sysctl        map[string]string
	Ulimits       []*units.Ulimit
	PidMode       string
	IPCMode       string
	UTSMode       string
	UsernsMode    string
	CgroupnsMode  string
	Runtime       string
	PidsLimit     int64
	OOMScoreAdj   int
	CPUHardLimit  bool
	CPUPeriod     int64  // µs
	Cpuset        string // 0-2
	MemoryHardMiB int64
}

// volume is SOURCE:TARGET[:MODE] of volumes.
type volume struct{ Source, Target, Mode string }

// device is a device of the node that the task sees.
type device struct{ Host, Container, Permissions string }

// mountBlock is a mount block.
type mountBlock struct {
	Type, Source, Target string
	ReadOnly             bool
	Propagation          string
	TmpfsSize, TmpfsMode int64
	NoCopy               bool
	Labels               map[string]string
	Driver               string
	DriverOptions        map[string]string
}

// parseConfig reads a config block and reports everything that is wrong with it, also
// what the node's operator does not allow.
func (o *Options) parseConfig(values map[string]any) (*config, error) {
	b := block.New("config of driver "+Name, values)
	c := &config{}
	c.readImage(b, o)
	c.readProcess(b)
	c.readNetwork(b)
	c.readFiles(b, o)
	c.readRights(b, o)
	c.readLimits(b, o)
	b.Refuse("isolation", "it is of Windows")
	b.Refuse("advertise_ipv6_address", "services are found by the address of the node, or by that of the allocation's network")
	b.Refuse("container_exists_attempts", "a container of the same name is that of the same start of the task, and is used")
	return c, b.Err()
}

func (c *config) readImage(b *block.Block, o *Options) {
	c.Image, c.Load, c.ForcePull = b.Text("image"), b.Text("load"), b.Flag("force_pull")
	if c.Image == "" {
		b.Wrong("image", "is missing: say which image to run")
	}
	c.PullTimeout = b.DurationOr("image_pull_timeout", o.PullTimeout)
	c.AuthSoftFail = b.Flag("auth_soft_fail")
	auth := b.One("auth")
	a := credentials{User: auth.Text("username"), Password: auth.Text("password"), Server: auth.Text("server_address")}
	auth.Text("email") // registries have not wanted it for years
	if a != (credentials{}) {
		c.Auth = &a
	}
}

func (c *config) readProcess(b *block.Block) {
	c.Command, c.Args, c.WorkDir = b.Text("command"), b.Texts("args"), b.Text("work_dir")
	c.Entrypoint = b.Texts("entrypoint")
	if b.Has("entrypoint") && c.Entrypoint == nil {
		c.Entrypoint = []string{} // an empty one stands for none
	}
	c.TTY, c.Interactive, c.Init = b.Flag("tty"), b.Flag("interactive"), b.Flag("init")
	c.Labels, c.Hostname = b.Map("labels"), b.Text("hostname")
	c.NoHealthcheck = b.One("healthchecks").Flag("disable")
	logging := b.One("logging")
	c.Logging = Logging{Type: logging.TextOr("type", logging.Text("driver")), Config: logging.Map("config")}
	if len(c.Logging.Config) > 0 && c.Logging.Type == "" {
		logging.Wrong("type", "is missing: say what the options are for")
	}
}

func (c *config) readNetwork(b *block.Block) {
	c.Ports, c.PortMap = b.Texts("ports"), b.NumberMap("port_map")
	for label, port := range c.PortMap {
		if port < 1 || port > 65535 {
			b.Wrong("port_map."+label, fmt.Sprintf("%d is not a port", port))
		}
	}
	c.NetworkMode, c.Aliases = b.Text("network_mode"), b.Texts("network_aliases")
	c.IPv4, c.IPv6, c.MAC = b.Text("ipv4_address"), b.Text("ipv6_address"), b.Text("mac_address")
	c.DNS, c.DNSSearch, c.DNSOptions = b.Texts("dns_servers"), b.Texts("dns_search_domains"), b.Texts("dns_options")
	c.ExtraHosts = b.Texts("extra_hosts")
	for _, host := range c.ExtraHosts {
		if name, address, ok := strings.Cut(host, ":"); !ok || name == "" || address == "" {
			b.Wrong("extra_hosts", fmt.Sprintf("%q is not NAME:ADDRESS", host))
		}
	}
	for key, list := range map[string][]string{"dns_servers": c.DNS, "ipv4_address": {c.IPv4}, "ipv6_address": {c.IPv6}} {
		for _, text := range list {
			if _, err := address(text); err != nil {
				b.Wrong(key, fmt.Sprintf("%q is not an IP address", text))
			}
		}
	}
}

func (c *config) readFiles(b *block.Block, o *Options) {
	c.VolumeDriver = b.Text("volume_driver")
	if c.VolumeDriver != "" && !o.Volumes {
		b.Wrong("volume_driver", needsVolumes)
	}
	for i, text := range b.Texts("volumes") {
		parts := strings.Split(text, ":")
		if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !path.IsAbs(parts[1]) {
			b.Wrong(fmt.Sprintf("volumes[%d]", i), fmt.Sprintf("%q is not SOURCE:TARGET or SOURCE:TARGET:MODE", text))
			continue
		}
		c.Volumes = append(c.Volumes, volume{parts[0], parts[1], strings.Join(parts[2:], "")})
	}
	for _, m := range append(b.Blocks("mount"), b.Blocks("mounts")...) {
		c.Mounts = append(c.Mounts, readMount(m, o))
	}
	for _, d := range b.Blocks("devices") {
		dev := device{Host: d.Text("host_path"), Container: d.Text("container_path"), Permissions: d.TextOr("cgroup_permissions", "rwm")}
		if dev.Host == "" {
			d.Wrong("host_path", "is missing")
		}
		if strings.Trim(dev.Permissions, "rwm") != "" {
			d.Wrong("cgroup_permissions", fmt.Sprintf("%q is not of r, w and m", dev.Permissions))
		}
		if dev.Container == "" {
			dev.Container = dev.Host
		}
		c.Devices = append(c.Devices, dev)
	}
	c.ReadonlyRoot, c.StorageOpt = b.Flag("readonly_rootfs"), b.Map("storage_opt")
	if c.ShmSize = b.Number("shm_size"); c.ShmSize < 0 {
		b.Wrong("shm_size", "must not be negative")
	}
	c.readTmpfs(b)
}

// readTmpfs reads tmpfs = ["/run", "/tmp:size=64m"].
func (c *config) readTmpfs(b *block.Block) {
	for _, text := range b.Texts("tmpfs") {
		target, options, _ := strings.Cut(text, ":")
		if !path.IsAbs(target) {
			b.Wrong("tmpfs", fmt.Sprintf("%q is not an absolute path", target))
		}
		if c.Tmpfs == nil {
			c.Tmpfs = map[string]string{}
		}
		c.Tmpfs[target] = options
	}
}

const needsVolumes = `is not allowed on this node: its operator allows it with plugin "docker" { config { volumes { enabled = true } } }`

func readMount(b *block.Block, o *Options) mountBlock {
	bind, tmpfs, vol := b.One("bind_options"), b.One("tmpfs_options"), b.One("volume_options")
	driver := vol.One("driver_config")
	m := mountBlock{
		Type: b.TextOr("type", "volume"), Source: b.Text("source"), Target: b.Text("target"), ReadOnly: b.Flag("readonly"),
		Propagation: bind.Text("propagation"), TmpfsSize: tmpfs.Number("size"), TmpfsMode: tmpfs.Number("mode"),
		NoCopy: vol.Flag("no_copy"), Labels: vol.Map("labels"), Driver: driver.Text("name"), DriverOptions: driver.Map("options"),
	}
	if !path.IsAbs(m.Target) {
		b.Wrong("target", fmt.Sprintf("%q is not an absolute path", m.Target))
	}
	switch m.Type {
	case "bind":
		if m.Source == "" {
			b.Wrong("source", "is missing: say what to mount")
		}
	case "volume", "tmpfs":
	default:
		b.Wrong("type", fmt.Sprintf("%q is none of bind, volume, tmpfs", m.Type))
	}
	// The engine's own driver mounts any directory of the node that it is told to.
	if (m.Driver != "" || len(m.DriverOptions) > 0) && !o.Volumes {
		b.Wrong("volume_options.driver_config", needsVolumes)
	}
	return m
}

func (c *config) readRights(b *block.Block, o *Options) {
	c.CapAdd, c.CapDrop = capNames(b.Texts("cap_add")), capNames(b.Texts("cap_drop"))
	if _, denied := capabilities(o.AllowCaps, c.CapAdd, c.CapDrop); len(denied) > 0 {
		b.Wrong("cap_add", fmt.Sprintf("%s is not allowed on this node: its operator allows it with allow_caps", strings.Join(denied, ", ")))
	}
	if c.Privileged = b.Flag("privileged"); c.Privileged && !o.AllowPrivileged {
		b.Wrong("privileged", "is not allowed on this node: its operator allows it with allow_privileged")
	}
	c.SecurityOpt, c.GroupAdd, c.Sysctl = b.Texts("security_opt"), b.Texts("group_add"), b.Map("sysctl")
	if c.Runtime = b.Text("runtime"); c.Runtime != "" && !slices.Contains(o.AllowRuntimes, c.Runtime) {
		b.Wrong("runtime", fmt.Sprintf("%q is not allowed on this node: its operator allows it with allow_runtimes", c.Runtime))
	}
	for _, mode := range []struct {
		key string
		set *string
	}{
		{"pid_mode", &c.PidMode},
		{"ipc_mode", &c.IPCMode},
		{"uts_mode", &c.UTSMode},
		{"userns_mode", &c.UsernsMode},
		{"cgroupns", &c.CgroupnsMode},
	} {
		*mode.set = b.Text(mode.key)
	}
	c.readGPUs(b)
}

// readGPUs reads gpus = "all", gpus = 2 or gpus = ["GPU-0123", "1"].
func (c *config) readGPUs(b *block.Block) {
	if _, list := b.Value("gpus").([]any); list {
		c.GPUIDs = b.Texts("gpus")
		return
	}
	if c.GPUs = b.Text("gpus"); c.GPUs != "" && c.GPUs != "all" && b.Number("gpus") < 1 {
		b.Wrong("gpus", "is all, how many, or a list of which")
	}
}

func (c *config) readLimits(b *block.Block, o *Options) {
	for name, text := range b.Map("ulimit") {
		u, err := units.ParseUlimit(name + "=" + text)
		if err != nil {
			b.Wrong("ulimit."+name, err.Error())
			continue
		}
		c.Ulimits = append(c.Ulimits, u)
	}
	slices.SortFunc(c.Ulimits, func(x, y *units.Ulimit) int { return strings.Compare(x.Name, y.Name) })
	if c.PidsLimit = b.NumberOr("pids_limit", o.PidsLimit); o.PidsLimit > 0 && (c.PidsLimit > o.PidsLimit || c.PidsLimit <= 0) {
		b.Wrong("pids_limit", fmt.Sprintf("is more than the %d that tasks may have on this node", o.PidsLimit))
	}
	if c.OOMScoreAdj = int(b.Number("oom_score_adj")); c.OOMScoreAdj < 0 || c.OOMScoreAdj > 1000 {
		b.Wrong("oom_score_adj", "is between 0 and 1000: a task may not be safer than others")
	}
	c.CPUHardLimit, c.Cpuset = b.Flag("cpu_hard_limit"), b.Text("cpuset_cpus")
	if c.CPUPeriod = b.NumberOr("cpu_cfs_period", 100000); c.CPUPeriod < 1000 || c.CPUPeriod > 1000000 {
		b.Wrong("cpu_cfs_period", "is between 1000 and 1000000 µs")
	}
	if c.MemoryHardMiB = b.Number("memory_hard_limit"); c.MemoryHardMiB < 0 {
		b.Wrong("memory_hard_limit", "must not be negative")
	}
}
