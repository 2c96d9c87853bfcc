package docker

import (
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/nodeagent/cpuset"
	"github.com/droverhq/drover/nodeagent/driver"
)

// Labels by which the driver knows its containers again.
const (
	labelAgent = "io.drover.agent" // Options.Dir of the agent that made it
	labelTask  = "io.drover.task"  // Task.ID
	labelAlloc = "io.drover.alloc" // of a container that holds a network
	// labelWhile is a path on the node: a container outlives its use when it is not there
	// any more.
	labelWhile = "io.drover.while"
	// labelPrefix is that of the labels that people know from elsewhere.
	labelPrefix = "com.hashicorp.nomad."
)

// extraLabels are those that an operator can ask for.
var extraLabels = []string{"job_name", "job_id", "task_group_name", "task_name", "namespace", "node_name", "node_id"}

// matchLabel reports whether a pattern of extra_labels means a label.
func matchLabel(pattern, label string) bool {
	ok, err := path.Match(pattern, label)
	return ok && err == nil
}

// containerName is the one name that the container of a start of a task can have. The
// first start has the name that people look for.
func containerName(task driver.Task) string {
	name := safeName(task.Name) + "-" + task.AllocID
	if attempt := task.ID[strings.LastIndexByte(task.ID, '/')+1:]; attempt != "1" {
		name += "-" + safeName(attempt)
	}
	return name
}

// safeName makes a name that the engine takes.
func safeName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, s)
}

// recipe is what a container is made from. What it says is decided from values; only
// mounts look at the disk.
type recipe struct {
	o      *Options
	c      *config
	task   driver.Task
	image  string
	config *container.Config
	host   *container.HostConfig
}

// create says how a task's container is to be made.
func (o *Options) create(c *config, task driver.Task, image string) (client.ContainerCreateOptions, error) {
	r := &recipe{o: o, c: c, task: task, image: image}
	r.config = &container.Config{
		Image: image, User: task.User, WorkingDir: c.WorkDir, Entrypoint: c.Entrypoint, Cmd: r.command(),
		Tty: c.TTY, OpenStdin: c.Interactive, Env: r.environ(), Labels: r.labels(), Hostname: c.Hostname,
	}
	if c.NoHealthcheck {
		r.config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	}
	has, _ := capabilities(o.AllowCaps, c.CapAdd, c.CapDrop)
	r.host = &container.HostConfig{
		LogConfig: o.logConfig(c, task), VolumeDriver: c.VolumeDriver,
		CapDrop: []string{"ALL"}, CapAdd: engineCapNames(has), Privileged: c.Privileged,
		GroupAdd: c.GroupAdd, IpcMode: container.IpcMode(c.IPCMode), PidMode: container.PidMode(c.PidMode),
		UTSMode: container.UTSMode(c.UTSMode), UsernsMode: container.UsernsMode(c.UsernsMode),
		CgroupnsMode: container.CgroupnsMode(c.CgroupnsMode), Runtime: c.Runtime, OomScoreAdj: c.OOMScoreAdj,
		ReadonlyRootfs: c.ReadonlyRoot, ShmSize: c.ShmSize, Tmpfs: c.Tmpfs, StorageOpt: c.StorageOpt, Sysctls: c.Sysctl,
		Resources: r.resources(),
	}
	if c.Privileged {
		r.host.CapAdd, r.host.CapDrop = nil, nil
	}
	if c.Init {
		r.host.Init = &c.Init
	}
	if len(r.host.DeviceRequests) > 0 && c.Runtime == "" {
		r.host.Runtime = o.NvidiaRuntime
	}
	networking, err := r.network()
	if err == nil {
		err = r.mounts()
	}
	if err == nil {
		r.host.SecurityOpt, err = r.securityOpt()
	}
	return client.ContainerCreateOptions{
		Name: containerName(task), Config: r.config, HostConfig: r.host, NetworkingConfig: networking,
	}, err
}

// command returns the command with its arguments, which may also be all that there is.
func (r *recipe) command() []string {
	if r.c.Command == "" {
		return r.c.Args
	}
	return append([]string{r.c.Command}, r.c.Args...)
}

func (r *recipe) environ() []string {
	env := maps.Clone(r.task.Env)
	for label, port := range r.c.PortMap {
		for _, prefix := range []string{"NOMAD_PORT_", "NOMAD_ALLOC_PORT_"} {
			if name := prefix + strings.ReplaceAll(label, "-", "_"); env[name] != "" {
				env[name] = fmt.Sprint(port)
			}
		}
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

func (r *recipe) labels() map[string]string {
	t := r.task
	labels := map[string]string{}
	maps.Copy(labels, r.c.Labels)
	values := map[string]string{
		"job_name": t.JobName, "job_id": t.JobID, "task_group_name": t.GroupName, "task_name": t.Name,
		"namespace": t.Namespace, "node_name": t.NodeName, "node_id": t.NodeID,
	}
	for _, name := range extraLabels {
		if slices.ContainsFunc(r.o.ExtraLabels, func(pattern string) bool { return matchLabel(pattern, name) }) {
			labels[labelPrefix+name] = values[name]
		}
	}
	labels[labelPrefix+"alloc_id"] = t.AllocID
	labels[labelAgent], labels[labelTask], labels[labelWhile] = r.o.Dir, t.ID, t.StateDir
	return labels
}

func (r *recipe) resources() container.Resources {
	c, got := r.c, r.task.Resources
	const leastShares = 2 // the kernel's
	res := container.Resources{
		CPUShares: max(leastShares, got.Cpu.CpuShares), Memory: got.Memory.MemoryMB << 20, CpusetCpus: c.Cpuset, Ulimits: c.Ulimits,
	}
	if most := max(got.Memory.MemoryMaxMB, c.MemoryHardMiB); most > got.Memory.MemoryMB {
		res.MemoryReservation, res.Memory = res.Memory, most<<20
	}
	res.MemorySwap = res.Memory // no swap beside it
	if cores := got.Cpu.ReservedCores; len(cores) > 0 {
		res.CpusetCpus = cpuset.Format(cores)
	}
	if c.CPUHardLimit {
		const least = 1000 // µs, the kernel's
		res.CPUPeriod = c.CPUPeriod
		res.CPUQuota = max(least, int64(r.task.CPUShare*float64(c.CPUPeriod)*float64(runtime.NumCPU())))
	}
	if c.PidsLimit != 0 {
		res.PidsLimit = &c.PidsLimit
	}
	for _, d := range c.Devices {
		res.Devices = append(res.Devices, container.DeviceMapping{
			PathOnHost: d.Host, PathInContainer: d.Container, CgroupPermissions: d.Permissions,
		})
	}
	if request, wanted := c.gpus(); wanted {
		res.DeviceRequests = []container.DeviceRequest{request}
	}
	return res
}

// gpus returns what the engine is to be asked for.
func (c *config) gpus() (container.DeviceRequest, bool) {
	request := container.DeviceRequest{DeviceIDs: c.GPUIDs, Capabilities: [][]string{{"gpu"}}}
	switch {
	case c.GPUs == "all":
		request.Count = -1
	case c.GPUs != "":
		_, err := fmt.Sscan(c.GPUs, &request.Count) // it has been checked to be a number
		return request, err == nil
	}
	return request, c.GPUs != "" || len(c.GPUIDs) > 0
}

// Bounds of what the engine keeps of a task's output. Older engines leave something out
// when a task fills more than one file before it is read from there: files must not be
// small.
const (
	leastLogFiles = 2
	leastLogFile  = 16 << 20 // bytes
)

// logConfig says where the engine keeps a task's output. By default that is as much as
// the files of the allocation may hold, so that what a task writes while the agent is
// away is there when it comes back, and in the engine's own form, which keeps bytes as
// they are.
func (o *Options) logConfig(c *config, task driver.Task) container.LogConfig {
	for _, l := range []Logging{c.Logging, o.Logging} {
		if l.Type != "" {
			return container.LogConfig{Type: l.Type, Config: l.Config}
		}
	}
	if task.Stdout.Disabled && task.Stderr.Disabled && !o.NoLogs {
		return container.LogConfig{Type: "none"}
	}
	size := max(leastLogFile, task.Stdout.MaxBytes, task.Stderr.MaxBytes)
	all := task.Stdout.MaxBytes*int64(task.Stdout.MaxFiles) + task.Stderr.MaxBytes*int64(task.Stderr.MaxFiles)
	return container.LogConfig{Type: "local", Config: map[string]string{
		"max-size": fmt.Sprint(size), "max-file": fmt.Sprint(max(leastLogFiles, all/size+1)), "compress": "true",
	}}
}
