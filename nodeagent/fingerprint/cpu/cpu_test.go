package cpu_test

import (
	"os"
	"reflect"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/cpu"
)

func run(t *testing.T, f *cpu.Fingerprint) *api.Node {
	t.Helper()
	n := &api.Node{Attributes: map[string]string{}, Resources: &api.NodeResources{}}
	apply, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	apply(n)
	return n
}

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

const twoCores = `processor	: 0
model name	: AMD EPYC
cpu MHz		: 2596.000

processor	: 1
model name	: AMD EPYC
cpu MHz		: 2595.998
`

func TestAVirtualMachine(t *testing.T) {
	n := run(t, &cpu.Fingerprint{System: fstest.MapFS{
		"proc/cpuinfo":                      file(twoCores),
		"sys/devices/system/cpu/online":     file("0-1\n"),
		"sys/devices/system/cpu/cpu0/node0": file(""),
	}})
	for key, want := range map[string]string{
		"cpu.modelname": "AMD EPYC", "cpu.numcores": "2", "cpu.reservablecores": "2",
		"cpu.frequency": "2596", "cpu.totalcompute": "5192", "cpu.usablecompute": "5192",
		"numa.node.count": "1", "numa.node0.cores": "0-1",
	} {
		if got := n.Attributes[key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if c := n.Resources.Cpu; c.CpuShares != 5192 || c.TotalCpuCores != 2 || len(c.ReservableCpuCores) != 2 {
		t.Errorf("resources: %+v", c)
	}
	if cores := n.Resources.Processors.Topology.Cores; len(cores) != 2 || cores[1].BaseSpeed != 2596 || !cores[1].Grade {
		t.Errorf("cores: %+v", cores)
	}
}

func TestTwoSocketsWithABaseFrequency(t *testing.T) {
	system := fstest.MapFS{"proc/cpuinfo": file(twoCores), "sys/devices/system/cpu/online": file("0,2-3\n")}
	for id, node := range map[string]string{"0": "0", "2": "1", "3": "1"} {
		dir := "sys/devices/system/cpu/cpu" + id
		system[dir+"/cpufreq/base_frequency"] = file("2000000\n")
		system[dir+"/cpufreq/cpuinfo_max_freq"] = file("3500000\n")
		system[dir+"/topology/physical_package_id"] = file(node + "\n")
		system[dir+"/node"+node] = file("")
	}
	n := run(t, &cpu.Fingerprint{System: system})
	if n.Attributes["cpu.totalcompute"] != "6000" || n.Attributes["numa.node.count"] != "2" || n.Attributes["numa.node1.cores"] != "2-3" {
		t.Errorf("attributes: %v", n.Attributes)
	}
	if c := n.Resources.Processors.Topology.Cores[2]; c.ID != 3 || c.NodeID != 1 || c.SocketID != 1 || c.BaseSpeed != 2000 || c.MaxSpeed != 3500 {
		t.Errorf("core: %+v", c)
	}
}

func TestAMachineThatDoesNotTellItsSpeed(t *testing.T) {
	n := run(t, &cpu.Fingerprint{System: fstest.MapFS{"proc/cpuinfo": file("Processor\t: AArch64\n"), "sys/devices/system/cpu/online": file("0-3")}})
	if n.Resources.Cpu.CpuShares != 4000 || n.Resources.Processors.Topology.Cores[0].GuessSpeed != 1000 {
		t.Errorf("resources: %+v", n.Resources.Cpu)
	}
}

func TestTheOperatorsFigureWins(t *testing.T) {
	n := run(t, &cpu.Fingerprint{System: fstest.MapFS{"proc/cpuinfo": file(twoCores), "sys/devices/system/cpu/online": file("0-1")}, TotalCompute: 9000})
	if n.Resources.Cpu.CpuShares != 9000 || n.Attributes["cpu.totalcompute"] != "9000" || n.Attributes["cpu.frequency"] != "4500" {
		t.Errorf("resources: %+v", n.Resources.Cpu)
	}
}

func TestThisMachine(t *testing.T) {
	n := run(t, &cpu.Fingerprint{System: os.DirFS("/")})
	if n.Resources.Cpu.CpuShares <= 0 || n.Resources.Cpu.TotalCpuCores == 0 {
		t.Errorf("resources: %+v", n.Resources.Cpu)
	}
}

func TestCoresThatTasksDoNotGet(t *testing.T) {
	system := fstest.MapFS{"proc/cpuinfo": file(""), "sys/devices/system/cpu/online": file("0-3")}
	apply, err := (&cpu.Fingerprint{System: system, Reservable: []uint16{0, 1, 2, 9}, Reserved: []uint16{0}}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	configured := &api.NodeReservedResources{Cpu: api.NodeReservedCPUResources{CpuShares: 300}}
	n := &api.Node{Attributes: map[string]string{}, Resources: &api.NodeResources{}, ReservedResources: configured}
	apply(n)
	if got := n.Resources.Cpu.ReservableCpuCores; !slices.Equal(got, []uint16{1, 2}) {
		t.Errorf("tasks can have cores %v", got)
	}
	// What is configured, and two cores of 1,000 MHz: one is reserved, one is not listed.
	if got := n.ReservedResources.Cpu; got.CpuShares != 2300 || !slices.Equal(got.ReservedCpuCores, []uint16{0}) {
		t.Errorf("reserved is %+v", got)
	}
	if configured.Cpu.CpuShares != 300 {
		t.Error("the configuration was changed")
	}
	if n.Attributes["cpu.reservablecores"] != "2" || n.Attributes["cpu.usablecompute"] != "1700" || n.Attributes["cpu.totalcompute"] != "4000" {
		t.Errorf("attributes: %v", n.Attributes)
	}
	for _, c := range n.Resources.Processors.Topology.Cores {
		if c.Disable != (c.ID == 0 || c.ID == 3) {
			t.Errorf("core %+v", c)
		}
	}
}

func TestDistancesAreThoseOfNUMANodesByTheirIDs(t *testing.T) {
	system := fstest.MapFS{
		"proc/cpuinfo": file(""), "sys/devices/system/cpu/online": file("0-1"),
		"sys/devices/system/cpu/cpu0/node0": file(""), "sys/devices/system/cpu/cpu1/node2": file(""),
		"sys/devices/system/node/node0/distance": file("10 21\n"), "sys/devices/system/node/node2/distance": file("21 10\n"),
	}
	want := [][]uint16{{10, 0, 21}, nil, {21, 0, 10}}
	if got := run(t, &cpu.Fingerprint{System: system}).Resources.Processors.Topology.Distances; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	system["sys/devices/system/node/node2/distance"] = file("10\n")
	if got := run(t, &cpu.Fingerprint{System: system}).Resources.Processors.Topology.Distances; got != nil {
		t.Errorf("got %v of a machine that does not say", got)
	}
}

func TestASpeedThatWaversIsWhatItWasFirst(t *testing.T) {
	system := fstest.MapFS{"proc/cpuinfo": file(twoCores), "sys/devices/system/cpu/online": file("0-1")}
	f := &cpu.Fingerprint{System: system}
	run(t, f)
	system["proc/cpuinfo"] = file("processor : 0\ncpu MHz : 1200\n\nprocessor : 1\ncpu MHz : 3100\n\nprocessor : 2\ncpu MHz : 2000\n")
	system["sys/devices/system/cpu/online"] = file("0-2")
	n := run(t, f)
	if got := n.Attributes["cpu.totalcompute"]; got != "7192" || n.Attributes["cpu.numcores"] != "3" {
		t.Errorf("%s MHz of %s cores, want 2596 twice and 2000", got, n.Attributes["cpu.numcores"])
	}
}
