package outside

import (
	"path/filepath"

	"github.com/droverhq/drover/nodeagent/cpuset"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// configOf says a task in the words of the protocol.
func configOf(task driver.Task, packed []byte) *wire.TaskConfig {
	c := &wire.TaskConfig{
		Id: task.ID, Name: task.Name, AllocId: task.AllocID, JobId: task.JobID, JobName: task.JobName,
		TaskGroupName: task.GroupName, User: task.User, Env: task.Env,
		Namespace:           task.Env["NOMAD_NAMESPACE"],
		MsgpackDriverConfig: packed, AllocDir: filepath.Dir(task.Dir),
		StdoutPath: filepath.Join(task.StateDir, stdoutFile), StderrPath: filepath.Join(task.StateDir, stderrFile),
		Resources: resourcesOf(task),
	}
	for _, m := range task.Mounts {
		c.Mounts = append(c.Mounts, &wire.Mount{
			TaskPath: m.Target, HostPath: m.Source, Readonly: m.ReadOnly, PropagationMode: propagation(m.Propagation),
		})
	}
	if n := task.Network; n.Namespace != "" {
		c.NetworkIsolationSpec = isolationSpec(n)
	}
	if dns := task.Network.DNS; dns != nil {
		c.Dns = &wire.DNSConfig{Servers: dns.Servers, Searches: dns.Searches, Options: dns.Options}
	}
	return c
}

func propagation(mode string) string {
	if mode == "" {
		return "private"
	}
	return mode
}

func resourcesOf(task driver.Task) *wire.Resources {
	const mib = 1 << 20
	r := task.Resources
	most := r.Memory.MemoryMB
	if r.Memory.MemoryMaxMB > most {
		most = r.Memory.MemoryMaxMB
	}
	out := &wire.Resources{
		AllocatedResources: &wire.AllocatedTaskResources{
			Cpu:    &wire.AllocatedCpuResources{CpuShares: r.Cpu.CpuShares},
			Memory: &wire.AllocatedMemoryResources{MemoryMb: r.Memory.MemoryMB, MemoryMaxMb: r.Memory.MemoryMaxMB},
		},
		LinuxResources: &wire.LinuxResources{
			CpuShares: r.Cpu.CpuShares, MemoryLimitBytes: most * mib, CpusetCpus: cpuset.Format(r.Cpu.ReservedCores),
		},
	}
	for _, p := range task.Ports {
		out.Ports = append(out.Ports, &wire.PortMapping{Label: p.Label, Value: int32(p.Value), To: int32(p.To), HostIp: p.HostIP})
	}
	return out
}
