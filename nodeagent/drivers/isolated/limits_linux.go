package isolated

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/cpuset"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held"
	"github.com/droverhq/drover/nodeagent/fingerprint/cpu"
	"github.com/droverhq/drover/shim"
)

// limit is what a task gets, as control groups say it.
type limit struct {
	shares    int64 // of CPU when it is short, in MHz
	quota     int64 // µs of CPU in each period; 0: no bound
	memory    int64 // bytes that it can rely on
	memoryMax int64 // bytes that it is killed above; -1: no bound
	pids      int
	cores     string // 0-1,3; empty: any
	// allCores and mems are all cores and memory nodes that tasks may use: there is no
	// default in groups of version 1.
	allCores, mems string
}

// period is that of the CPU quota, in µs; it is the kernel's default.
const period = 100_000

// limits returns the control groups of a task: the one that holds it together, and all
// with their settings.
func (d *Driver) limits(task driver.Task, c config) (string, []shim.Group, error) {
	l := limitOf(task.Resources)
	l.pids = c.pidLimit
	if c.hardCPU {
		mhz, cores, err := d.compute()
		if err != nil {
			return "", nil, fmt.Errorf("cpu_hard_limit: %w", err)
		}
		l.quota = quotaOf(l.shares, mhz, cores)
	}
	name := held.CgroupName(task.ID)
	whole := filepath.Join(d.groups.unified, name)
	if d.groups.limiting {
		return whole, []shim.Group{{Path: whole, Settings: l.unified()}}, nil
	}
	if dir := d.groups.of("cpuset"); dir != "" {
		cores, err := os.ReadFile(filepath.Join(dir, "cpuset.cpus"))
		if err != nil {
			return "", nil, err
		}
		mems, err := os.ReadFile(filepath.Join(dir, "cpuset.mems"))
		if err != nil {
			return "", nil, err
		}
		l.allCores, l.mems = strings.TrimSpace(string(cores)), strings.TrimSpace(string(mems))
	}
	var groups []shim.Group
	for _, h := range d.groups.legacy {
		g := shim.Group{Path: filepath.Join(h.Dir, name)}
		for _, controller := range h.Controllers {
			g.Settings = append(g.Settings, l.legacy(controller)...)
		}
		groups = append(groups, g)
	}
	return whole, groups, nil
}

func limitOf(r api.AllocatedTaskResources) limit {
	const mib = 1 << 20
	l := limit{shares: r.Cpu.CpuShares, memory: r.Memory.MemoryMB * mib, memoryMax: r.Memory.MemoryMB * mib, cores: cpuset.Format(r.Cpu.ReservedCores)}
	switch {
	case r.Memory.MemoryMaxMB < 0:
		l.memoryMax = -1
	case r.Memory.MemoryMaxMB > 0:
		l.memoryMax = r.Memory.MemoryMaxMB * mib
	}
	if l.memory == 0 {
		l.memoryMax = -1
	}
	return l
}

// quotaOf returns how long a task may run in each period when it has some MHz of those
// that the cores have together.
func quotaOf(shares, mhz int64, cores int) int64 {
	const least = 1000 // µs, the kernel's
	return max(shares*int64(cores)*period/max(mhz, 1), least)
}

// compute returns the node's MHz and cores.
func (d *Driver) compute() (int64, int, error) {
	node := &api.Node{Attributes: map[string]string{}, Resources: &api.NodeResources{}}
	write, err := (&cpu.Fingerprint{System: os.DirFS("/"), TotalCompute: d.options.TotalMHz}).Run(context.Background())
	if err != nil {
		return 0, 0, err
	}
	write(node)
	return node.Resources.Cpu.CpuShares, int(node.Resources.Cpu.TotalCpuCores), nil
}

// Shares of CPU are from 2 to 262144 in version 1, and from 1 to 10000 in version 2.
const (
	leastShares, mostShares = 2, 262144
	leastWeight, mostWeight = 1, 10000
)

func (l limit) boundedShares() int64 { return min(max(l.shares, leastShares), mostShares) }

// unified returns the limit as settings of a group of version 2.
func (l limit) unified() []shim.Setting {
	weight := leastWeight + (l.boundedShares()-leastShares)*(mostWeight-leastWeight)/(mostShares-leastShares)
	list := []shim.Setting{
		{File: "cpu.weight", Value: strconv.FormatInt(weight, 10)},
		{File: "pids.max", Value: strconv.Itoa(l.pids)},
		{File: "memory.swap.max", Value: "0", Optional: true},
	}
	if l.quota > 0 {
		list = append(list, shim.Setting{File: "cpu.max", Value: fmt.Sprintf("%d %d", l.quota, period)})
	}
	if l.memoryMax >= 0 {
		list = append(list, shim.Setting{File: "memory.max", Value: strconv.FormatInt(l.memoryMax, 10)})
	}
	if l.memoryMax != l.memory {
		list = append(list, shim.Setting{File: "memory.low", Value: strconv.FormatInt(l.memory, 10)})
	}
	if l.cores != "" {
		list = append(list, shim.Setting{File: "cpuset.cpus", Value: l.cores, Optional: true})
	}
	return list
}

// legacy returns the part of the limit that is a controller's of version 1.
func (l limit) legacy(controller string) []shim.Setting {
	number := func(file string, n int64) shim.Setting {
		return shim.Setting{File: file, Value: strconv.FormatInt(n, 10)}
	}
	switch controller {
	case "cpu":
		list := []shim.Setting{number("cpu.shares", l.boundedShares())}
		if l.quota > 0 {
			list = append(list, number("cpu.cfs_period_us", period), number("cpu.cfs_quota_us", l.quota))
		}
		return list
	case "pids":
		return []shim.Setting{number("pids.max", int64(l.pids))}
	case "cpuset":
		cores := l.cores
		if cores == "" {
			cores = l.allCores
		}
		return []shim.Setting{{File: "cpuset.mems", Value: l.mems}, {File: "cpuset.cpus", Value: cores}}
	case "memory":
		list := []shim.Setting{{File: "memory.swappiness", Value: "0", Optional: true}}
		if l.memoryMax >= 0 {
			swap := number("memory.memsw.limit_in_bytes", l.memoryMax)
			swap.Optional = true
			list = append(list, number("memory.limit_in_bytes", l.memoryMax), swap)
		}
		if l.memoryMax != l.memory {
			list = append(list, number("memory.soft_limit_in_bytes", l.memory))
		}
		return list
	}
	return nil
}
