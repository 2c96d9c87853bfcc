// Package cpu finds out a node's cores and how fast they are.
package cpu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/cpuset"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System fs.FS // the root directory of the machine
	// TotalCompute replaces what is found out, in MHz for all cores together, if it
	// is not 0.
	TotalCompute int
	// Reservable are the cores that tasks may be given, and Reserved those that nothing
	// of the node's jobs is to have. None reservable: all that are not reserved.
	Reservable, Reserved []uint16

	first map[uint16]uint64 // what /proc/cpuinfo said first of a core's speed, in MHz
}

// guessedMHz is taken for a machine that does not tell its speed (many on arm64).
const guessedMHz = 1000

// Name implements fingerprint.Fingerprinter.
func (*Fingerprint) Name() string { return "cpu" }

// Run implements fingerprint.Fingerprinter.
func (f *Fingerprint) Run(context.Context) (func(*api.Node), error) {
	model, mhz, err := f.cpuinfo()
	if err != nil && runtime.GOOS == "linux" { // others have no such file: their speed is guessed
		return nil, err
	}
	mhz = f.steady(mhz)
	online := f.online()
	topology := &api.NodeTopology{}
	total := 0
	for _, id := range online {
		core := f.core(id, mhz[id])
		topology.Cores = append(topology.Cores, core)
		if !slices.Contains(topology.Nodes, uint16(core.NodeID)) {
			topology.Nodes = append(topology.Nodes, uint16(core.NodeID))
		}
		total += int(max(core.BaseSpeed, core.GuessSpeed))
	}
	slices.Sort(topology.Nodes)
	topology.Distances = f.distances(topology.Nodes)
	if f.TotalCompute > 0 {
		total = f.TotalCompute
		topology.OverrideTotalCompute = uint64(total)
	}
	usable, withheld := f.withhold(topology, total)
	return func(n *api.Node) {
		n.Attributes["cpu.arch"] = runtime.GOARCH
		n.Attributes["cpu.numcores"] = strconv.Itoa(len(online))
		n.Attributes["cpu.reservablecores"] = strconv.Itoa(len(usable))
		n.Attributes["cpu.totalcompute"] = strconv.Itoa(total)
		n.Attributes["cpu.usablecompute"] = strconv.Itoa(total - int(reserve(n, f.Reserved, withheld)))
		n.Attributes["cpu.frequency"] = strconv.Itoa(total / len(online))
		if model != "" {
			n.Attributes["cpu.modelname"] = model
		}
		numa(n, topology)
		n.Resources.Cpu = api.NodeCPUResources{CpuShares: int64(total), TotalCpuCores: uint16(len(online)), ReservableCpuCores: usable}
		n.Resources.Processors.Topology = topology
	}, nil
}

// steady returns the speeds that were told first of each core: what the kernel tells
// goes up and down with the load.
func (f *Fingerprint) steady(mhz map[uint16]uint64) map[uint16]uint64 {
	if f.first == nil {
		f.first = map[uint16]uint64{}
	}
	for id, speed := range mhz {
		if f.first[id] == 0 {
			f.first[id] = speed
		}
	}
	return f.first
}

func numa(n *api.Node, t *api.NodeTopology) {
	n.Attributes["numa.node.count"] = strconv.Itoa(len(t.Nodes))
	for _, node := range t.Nodes {
		var cores []uint16
		for _, c := range t.Cores {
			if uint16(c.NodeID) == node {
				cores = append(cores, c.ID)
			}
		}
		n.Attributes[fmt.Sprintf("numa.node%d.cores", node)] = cpuset.Format(cores)
	}
}

// core describes one core. mhz is what /proc/cpuinfo says of it, or 0.
func (f *Fingerprint) core(id uint16, mhz uint64) api.NodeCore {
	dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d", id)
	c := api.NodeCore{ID: id, Grade: true, SocketID: uint8(f.number(path.Join(dir, "topology/physical_package_id"))), NodeID: f.numaNode(dir)}
	const kHz = 1000
	c.MaxSpeed = f.number(path.Join(dir, "cpufreq/cpuinfo_max_freq")) / kHz
	c.BaseSpeed = f.number(path.Join(dir, "cpufreq/base_frequency")) / kHz
	if c.BaseSpeed == 0 {
		c.BaseSpeed = mhz
	}
	if c.BaseSpeed == 0 {
		c.BaseSpeed = c.MaxSpeed
	}
	if c.BaseSpeed == 0 {
		c.GuessSpeed = guessedMHz
	}
	return c
}

func (f *Fingerprint) numaNode(dir string) uint8 {
	entries, err := fs.Glob(f.System, path.Join(dir, "node[0-9]*"))
	if err != nil || len(entries) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(path.Base(entries[0]), "node"), 10, 8)
	if err != nil {
		return 0
	}
	return uint8(n)
}

// number reads a file that holds a number; 0 if there is none.
func (f *Fingerprint) number(name string) uint64 {
	b, err := fs.ReadFile(f.System, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// cpuinfo returns the model and, by core, the speed in MHz where it is told.
func (f *Fingerprint) cpuinfo() (model string, mhz map[uint16]uint64, err error) {
	file, err := f.System.Open("proc/cpuinfo")
	if err != nil {
		return "", nil, err
	}
	mhz = map[uint16]uint64{}
	var id uint16
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				continue // arm64 has a line of that name with the model
			}
			id = uint16(n)
		case "model name":
			model = value
		case "cpu MHz":
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				mhz[id] = uint64(math.Round(v))
			}
		}
	}
	return model, mhz, errors.Join(lines.Err(), file.Close())
}

// withhold marks the cores that tasks don't get. It returns the others, and how many
// MHz those are that they don't get.
func (f *Fingerprint) withhold(t *api.NodeTopology, total int) (usable []uint16, withheld int64) {
	var kept, all uint64
	for i := range t.Cores {
		c := &t.Cores[i]
		c.Disable = slices.Contains(f.Reserved, c.ID) || len(f.Reservable) > 0 && !slices.Contains(f.Reservable, c.ID)
		speed := max(c.BaseSpeed, c.GuessSpeed)
		all += speed
		if c.Disable {
			kept += speed
		} else {
			usable = append(usable, c.ID)
		}
	}
	if all == 0 {
		return usable, 0
	}
	return usable, int64(uint64(total) * kept / all)
}

// reserve adds the cores that tasks don't get to what is reserved of the node, and
// returns how many MHz that is in all.
func reserve(n *api.Node, cores []uint16, mhz int64) int64 {
	reserved := api.NodeReservedResources{}
	if n.ReservedResources != nil {
		reserved = *n.ReservedResources
	}
	reserved.Cpu.ReservedCpuCores = cores
	reserved.Cpu.CpuShares += mhz
	n.ReservedResources = &reserved
	return reserved.Cpu.CpuShares
}

// distances returns how far the memory of NUMA nodes is from each other, by their IDs;
// nothing if there is one, or if the kernel does not say.
func (f *Fingerprint) distances(nodes []uint16) [][]uint16 {
	if len(nodes) < 2 {
		return nil
	}
	size := int(nodes[len(nodes)-1]) + 1
	out := make([][]uint16, size)
	for _, from := range nodes {
		b, err := fs.ReadFile(f.System, fmt.Sprintf("sys/devices/system/node/node%d/distance", from))
		row := strings.Fields(string(b))
		if err != nil || len(row) != len(nodes) { // one for each that has cores
			return nil
		}
		out[from] = make([]uint16, size)
		for i, to := range nodes {
			n, err := strconv.ParseUint(row[i], 10, 16)
			if err != nil {
				return nil
			}
			out[from][to] = uint16(n)
		}
	}
	return out
}

func upTo(n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = uint16(i)
	}
	return out
}

// online returns the cores that can be used.
func (f *Fingerprint) online() []uint16 {
	b, err := fs.ReadFile(f.System, "sys/devices/system/cpu/online")
	if err != nil {
		return upTo(runtime.NumCPU())
	}
	cores, err := cpuset.Parse(string(b))
	if err != nil || len(cores) == 0 {
		return upTo(runtime.NumCPU())
	}
	return cores
}
