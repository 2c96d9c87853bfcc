package env

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/cpuset"
)

// Input is what a task's environment is made of.
type Input struct {
	Alloc  *api.Allocation
	Job    *api.Job
	Group  *api.TaskGroup
	Task   *api.Task
	Node   *api.Node
	Region string
	// Network is how the allocation is reached in a network of its own; nil: that is the node's.
	Network *api.AllocNetworkStatus
	// Directories as the task sees them; empty ones have no variable.
	AllocDir, TaskDir, SecretsDir string
	// Host is the agent's own environment, NAME=value, without what tasks must not see.
	Host []string
}

// Vars is the environment of one task and what ${…} can refer to.
type Vars struct {
	env  map[string]string
	node map[string]string
}

// Build makes the environment of a task.
func Build(in Input) *Vars {
	v := &Vars{env: map[string]string{}, node: nodeVars(in.Node, in.Region)}
	v.addDirs(in)
	v.addResources(in)
	v.addIdentity(in)
	v.addPorts(in.Alloc.Ports)
	v.addOwnPorts(in.Alloc.Ports, in.Network)
	v.addMeta(in)
	for _, kv := range in.Host {
		name, value, ok := strings.Cut(kv, "=")
		if _, taken := v.env[name]; ok && name != "" && !taken {
			v.env[name] = value
		}
	}
	// In order of their names, so that one may refer to those before it.
	for _, name := range slices.Sorted(maps.Keys(in.Task.Env)) {
		v.env[clean(v.Replace(name))] = v.Replace(in.Task.Env[name])
	}
	return v
}

// Map returns the environment; it is the caller's.
func (v *Vars) Map() map[string]string { return maps.Clone(v.env) }

// Add adds variables over those that are there.
func (v *Vars) Add(vars map[string]string) { maps.Copy(v.env, vars) }

func (v *Vars) set(name, value string) {
	if value != "" {
		v.env[name] = value
	}
}

func (v *Vars) addDirs(in Input) {
	v.set("NOMAD_ALLOC_DIR", in.AllocDir)
	v.set("NOMAD_TASK_DIR", in.TaskDir)
	v.set("NOMAD_SECRETS_DIR", in.SecretsDir)
}

func (v *Vars) addResources(in Input) {
	number := func(name string, n int64) {
		if n != 0 {
			v.env[name] = strconv.FormatInt(n, 10)
		}
	}
	got := api.AllocatedTask(in.Alloc, in.Task)
	number("NOMAD_CPU_LIMIT", got.Cpu.CpuShares)
	number("NOMAD_MEMORY_LIMIT", got.Memory.MemoryMB)
	number("NOMAD_MEMORY_MAX_LIMIT", got.Memory.MemoryMaxMB)
	v.set("NOMAD_CPU_CORES", cpuset.Format(got.Cpu.ReservedCores))
}

func (v *Vars) addIdentity(in Input) {
	a := in.Alloc
	v.set("NOMAD_ALLOC_ID", a.ID)
	v.set("NOMAD_SHORT_ALLOC_ID", a.ID[:min(8, len(a.ID))])
	v.set("NOMAD_ALLOC_NAME", a.Name)
	if i := a.Index(); i >= 0 {
		v.env["NOMAD_ALLOC_INDEX"] = strconv.Itoa(i)
	}
	v.set("NOMAD_GROUP_NAME", a.TaskGroup)
	v.set("NOMAD_TASK_NAME", in.Task.Name)
	v.set("NOMAD_JOB_ID", a.JobID)
	v.set("NOMAD_JOB_NAME", api.Deref(in.Job.Name))
	v.set("NOMAD_JOB_PARENT_ID", api.Deref(in.Job.ParentID))
	v.set("NOMAD_NAMESPACE", a.Namespace)
	v.set("NOMAD_REGION", in.Region)
	if in.Node != nil {
		v.set("NOMAD_DC", in.Node.Datacenter)
		v.set("NOMAD_PARENT_CGROUP", in.Node.CgroupParent)
	}
}

func (v *Vars) addPorts(ports []api.AllocatedPort) {
	for _, p := range ports {
		label := clean(p.Label)
		port := strconv.Itoa(p.Value)
		inside := strconv.Itoa(p.Inside())
		address := net.JoinHostPort(p.HostIP, port)
		v.env["NOMAD_IP_"+label] = p.HostIP
		v.env["NOMAD_PORT_"+label] = inside
		v.env["NOMAD_ADDR_"+label] = address
		v.env["NOMAD_HOST_IP_"+label] = p.HostIP
		v.env["NOMAD_HOST_PORT_"+label] = port
		v.env["NOMAD_HOST_ADDR_"+label] = address
		v.env["NOMAD_ALLOC_PORT_"+label] = inside
	}
}

// addOwnPorts says where ports are in a network of the allocation's own.
func (v *Vars) addOwnPorts(ports []api.AllocatedPort, network *api.AllocNetworkStatus) {
	if network == nil || network.Address == "" {
		return
	}
	for _, p := range ports {
		label := clean(p.Label)
		v.env["NOMAD_ALLOC_INTERFACE_"+label] = network.InterfaceName
		v.env["NOMAD_ALLOC_IP_"+label] = network.Address
		v.env["NOMAD_ALLOC_ADDR_"+label] = net.JoinHostPort(network.Address, strconv.Itoa(p.Inside()))
	}
}

// addMeta adds the meta of job, group and task, the narrower over the wider, under
// their names as written and in upper case. A dispatched job's optional meta that was
// not given is empty.
func (v *Vars) addMeta(in Input) {
	meta := map[string]string{}
	if in.Job.Dispatched && in.Job.ParameterizedJob != nil {
		for _, k := range in.Job.ParameterizedJob.MetaOptional {
			meta[k] = ""
		}
	}
	maps.Copy(meta, in.Job.Meta)
	if in.Group != nil {
		maps.Copy(meta, in.Group.Meta)
	}
	maps.Copy(meta, in.Task.Meta)
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		name, value := clean(v.Replace(k)), v.Replace(meta[k])
		v.env["NOMAD_META_"+name] = value
		v.env["NOMAD_META_"+strings.ToUpper(name)] = value
	}
}

func nodeVars(n *api.Node, region string) map[string]string {
	vars := map[string]string{"node.region": region}
	if n == nil {
		return vars
	}
	vars["node.unique.id"] = n.ID
	vars["node.unique.name"] = n.Name
	vars["node.datacenter"] = n.Datacenter
	vars["node.class"] = n.NodeClass
	vars["node.pool"] = n.NodePool
	for k, val := range n.Attributes {
		vars["attr."+k] = val
	}
	for k, val := range n.Meta {
		vars["meta."+k] = val
	}
	return vars
}

// clean makes a name of what can be part of a variable's name; dots, which programs
// take though shells don't, stay as they are in the reference.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.':
			return r
		}
		return '_'
	}, s)
}
