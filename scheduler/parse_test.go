package scheduler_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// nodeState reads the node command of a script.
func nodeState(t *testing.T, d *datadriven.TestData) scheduler.NodeState {
	cores := number(t, d, "cores", 4)
	n := &api.Node{
		ID: text(t, d, "id", ""), Datacenter: text(t, d, "dc", "dc1"), NodePool: text(t, d, "pool", "default"),
		NodeClass: text(t, d, "class", ""), NodeMaxAllocs: number(t, d, "max-allocs", 0),
		Attributes: map[string]string{"driver.raw_exec": "1"}, Meta: map[string]string{},
		Drivers: map[string]*api.DriverInfo{},
		Resources: &api.NodeResources{
			Cpu:    api.NodeCPUResources{CpuShares: int64(number(t, d, "cpu", 4000)), TotalCpuCores: uint16(cores)},
			Memory: api.NodeMemoryResources{MemoryMB: int64(number(t, d, "mem", 8000))},
			Disk:   api.NodeDiskResources{DiskMB: int64(number(t, d, "disk", 100000))},
			Networks: []*api.NodeNetworkInfo{
				{Mode: "host", Device: "eth0", IP: "10.0.0.1"},
			},
			NodeNetworks: []*api.NodeNetworkResource{{
				Mode: "host", Device: "eth0",
				Addresses: []api.NodeNetworkAddress{{Family: "ipv4", Alias: "default", Address: "10.0.0.1"}},
			}},
		},
		ReservedResources: &api.NodeReservedResources{},
	}
	n.Name = n.ID
	if numa := number(t, d, "numa", 0); numa > 0 {
		n.Resources.Processors.Topology = topology(numa, cores)
	}
	if first, last, ok := strings.Cut(text(t, d, "ports", ""), "-"); ok {
		n.Resources.MinDynamicPort, n.Resources.MaxDynamicPort = atoi(t, first), atoi(t, last)
	}
	for _, f := range lines(d) {
		name, value, _ := strings.Cut(f[1], "=")
		switch f[0] {
		case "attr":
			n.Attributes[name] = value
		case "meta":
			n.Meta[name] = value
		case "driver":
			n.Drivers[name] = &api.DriverInfo{Detected: value != "undetected", Healthy: value == "healthy"}
		case "volume":
			if n.HostVolumes == nil {
				n.HostVolumes = map[string]*api.HostVolumeInfo{}
			}
			n.HostVolumes[f[1]] = &api.HostVolumeInfo{Path: "/srv", ReadOnly: slices.Contains(f[2:], "ro")}
		case "plugin":
			n.CSINodePlugins = map[string]*api.CSIInfo{f[1]: plugin(t, f[1:])}
		case "controller":
			n.CSIControllerPlugins = map[string]*api.CSIInfo{f[1]: plugin(t, f[1:])}
		case "device":
			n.Resources.Devices = append(n.Resources.Devices, device(t, f[1:]))
		case "reserve":
			reserve(t, n.ReservedResources, f[1], f[2])
		case "network":
			n.Resources.NodeNetworks[0].Addresses = append(n.Resources.NodeNetworks[0].Addresses,
				api.NodeNetworkAddress{Family: "ipv4", Alias: f[1], Address: f[2]})
		case "offers":
			n.Resources.Networks = append(n.Resources.Networks, &api.NodeNetworkInfo{Mode: f[1]})
		default:
			d.Fatalf(t, "node: %v", f)
		}
	}
	n.ComputedClass = api.ComputeClass(n)
	return scheduler.NodeState{Node: n, Ready: !d.HasArg("down"), Eligible: !d.HasArg("ineligible")}
}

// device reads VENDOR/TYPE/NAME ID[,ID …] [ATTRIBUTE=VALUE[UNIT] …]; an ID that begins with !
// is of one that is ill.
func device(t *testing.T, f []string) *api.NodeDeviceResource {
	kind := api.ParseDeviceKind(f[0])
	d := &api.NodeDeviceResource{Vendor: kind.Vendor, Type: kind.Type, Name: kind.Name, Attributes: map[string]*api.DeviceAttribute{}}
	for id := range strings.SplitSeq(f[1], ",") {
		id, ill := strings.CutPrefix(id, "!")
		d.Instances = append(d.Instances, &api.NodeDevice{ID: id, Healthy: !ill})
	}
	for _, attribute := range f[2:] {
		name, value, _ := strings.Cut(attribute, "=")
		number := strings.TrimRight(value, "MGiBHz")
		d.Attributes[name] = &api.DeviceAttribute{Int: new(int64(atoi(t, number))), Unit: value[len(number):]}
	}
	return d
}

// plugin reads ID [zone=ZONE] [max=VOLUMES] [unhealthy] [controller].
func plugin(t *testing.T, f []string) *api.CSIInfo {
	info := &api.CSIInfo{PluginID: f[0], Healthy: true, NodeInfo: &api.CSINodeInfo{}}
	for _, fact := range f[1:] {
		switch name, value, _ := strings.Cut(fact, "="); name {
		case "zone":
			info.NodeInfo.AccessibleTopology = &api.CSITopology{Segments: map[string]string{"zone": value}}
		case "max":
			info.NodeInfo.MaxVolumes = int64(atoi(t, value))
		case "unhealthy":
			info.Healthy = false
		case "controller":
			info.RequiresControllerPlugin = true
		default:
			t.Fatalf("plugin: %v", f)
		}
	}
	return info
}

// csiVolume reads the volume command of a script.
func csiVolume(t *testing.T, d *datadriven.TestData) *api.CSIVolume {
	v := &api.CSIVolume{ID: text(t, d, "id", ""), Namespace: "default", PluginID: text(t, d, "plugin", ""), Deleting: d.HasArg("deleting")}
	for _, mode := range list(d, "modes") {
		v.RequestedCapabilities = append(v.RequestedCapabilities, &api.CSIVolumeCapability{AccessMode: mode, AttachmentMode: api.AttachmentFileSystem})
	}
	for _, f := range lines(d) {
		at := &api.CSITopology{Segments: map[string]string{}}
		for _, segment := range f[1:] {
			name, value, _ := strings.Cut(segment, "=")
			at.Segments[name] = value
		}
		v.Topologies = append(v.Topologies, at)
	}
	return v
}

// topology is cores in equal parts on some NUMA nodes, as they are numbered one after
// the other.
func topology(numa, cores int) *api.NodeTopology {
	out := &api.NodeTopology{}
	for i := range cores {
		out.Cores = append(out.Cores, api.NodeCore{ID: uint16(i), NodeID: uint8(i * numa / cores), BaseSpeed: 1000})
	}
	return out
}

func reserve(t *testing.T, r *api.NodeReservedResources, what, value string) {
	switch what {
	case "cpu":
		r.Cpu.CpuShares = int64(atoi(t, value))
	case "mem":
		r.Memory.MemoryMB = int64(atoi(t, value))
	case "disk":
		r.Disk.DiskMB = int64(atoi(t, value))
	case "ports":
		r.Networks.ReservedHostPorts = value
	case "core":
		r.Cpu.ReservedCpuCores = append(r.Cpu.ReservedCpuCores, uint16(atoi(t, value)))
	default:
		t.Fatalf("reserve %s", what)
	}
}

// parseJob reads the job command of a script: a job of one group, g.
func parseJob(t *testing.T, d *datadriven.TestData) *api.Job {
	id := text(t, d, "id", "")
	g := &api.TaskGroup{
		Name: new("g"), Count: new(number(t, d, "count", 1)),
		EphemeralDisk: &api.EphemeralDisk{SizeMB: new(number(t, d, "disk", 300))},
		Tasks: []*api.Task{{
			Name: "t", Driver: text(t, d, "driver", "raw_exec"),
			Resources: &api.Resources{
				CPU: new(number(t, d, "cpu", 100)), MemoryMB: new(number(t, d, "mem", 300)),
				MemoryMaxMB: new(number(t, d, "mem-max", 0)), Cores: new(number(t, d, "cores", 0)),
			},
		}},
	}
	job := &api.Job{
		ID: &id, Namespace: new("default"), Type: new(text(t, d, "type", api.JobTypeService)),
		Priority: new(number(t, d, "priority", api.DefaultJobPriority)), NodePool: new(text(t, d, "pool", "default")),
		Datacenters: []string{"*"}, TaskGroups: []*api.TaskGroup{g},
	}
	if dcs := list(d, "dcs"); dcs != nil {
		job.Datacenters = dcs
	}
	for _, f := range lines(d) {
		jobLine(t, job, g, f)
	}
	return job
}

func jobLine(t *testing.T, job *api.Job, g *api.TaskGroup, f []string) {
	field := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	network := func() *api.NetworkResource {
		if g.Networks == nil {
			g.Networks = []*api.NetworkResource{{}}
		}
		return g.Networks[0]
	}
	switch f[0] {
	case "constraint":
		job.Constraints = append(job.Constraints, &api.Constraint{LTarget: f[1], Operand: f[2], RTarget: field(3)})
	case "group-constraint":
		g.Constraints = append(g.Constraints, &api.Constraint{LTarget: f[1], Operand: f[2], RTarget: field(3)})
	case "affinity":
		g.Affinities = append(g.Affinities, &api.Affinity{
			Weight: new(int8(atoi(t, f[1]))), LTarget: f[2], Operand: f[3], RTarget: f[4],
		})
	case "spread":
		s := &api.Spread{Weight: new(int8(atoi(t, f[1]))), Attribute: f[2]}
		for _, share := range f[3:] {
			value, percent, _ := strings.Cut(share, "=")
			s.SpreadTarget = append(s.SpreadTarget, &api.SpreadTarget{Value: value, Percent: uint8(atoi(t, percent))})
		}
		g.Spreads = append(g.Spreads, s)
	case "static":
		label, port, _ := strings.Cut(f[1], "=")
		network().ReservedPorts = append(network().ReservedPorts,
			api.Port{Label: label, Value: atoi(t, port), HostNetwork: field(2)})
	case "dynamic":
		p := api.Port{Label: f[1]}
		if to := field(2); to != "" {
			p.To = atoi(t, to)
		}
		network().DynamicPorts = append(network().DynamicPorts, p)
	case "mode":
		network().Mode = f[1]
	case "numa":
		g.Tasks[0].Resources.NUMA = &api.NUMAResource{Affinity: f[1]}
	case "task":
		hook, sidecar, _ := strings.Cut(f[1], ",")
		g.Tasks = append(g.Tasks, &api.Task{
			Name: hook, Driver: "raw_exec", Lifecycle: &api.TaskLifecycle{Hook: hook, Sidecar: sidecar == "sidecar"},
			Resources: &api.Resources{CPU: new(atoi(t, f[2])), MemoryMB: new(atoi(t, f[3]))},
		})
	case "volume":
		if g.Volumes == nil {
			g.Volumes = map[string]*api.VolumeRequest{}
		}
		g.Volumes[f[1]] = &api.VolumeRequest{
			Type: api.VolumeHost, Source: f[1], ReadOnly: slices.Contains(f[2:], "ro"), PerAlloc: slices.Contains(f[2:], "per-alloc"),
		}
	case "csi": // SOURCE MODE
		if g.Volumes == nil {
			g.Volumes = map[string]*api.VolumeRequest{}
		}
		g.Volumes[f[1]] = &api.VolumeRequest{
			Type: api.VolumeCSI, Source: f[1], AccessMode: f[2], AttachmentMode: api.AttachmentFileSystem,
			ReadOnly: slices.Contains(f[3:], "ro"), PerAlloc: slices.Contains(f[3:], "per-alloc"),
		}
	case "device": // NAME COUNT
		g.Tasks[0].Resources.Devices = append(g.Tasks[0].Resources.Devices,
			&api.RequestedDevice{Name: f[1], Count: new(uint64(atoi(t, f[2])))})
	case "device-constraint": // of the last device
		d := g.Tasks[0].Resources.Devices[len(g.Tasks[0].Resources.Devices)-1]
		d.Constraints = append(d.Constraints, &api.Constraint{LTarget: f[1], Operand: f[2], RTarget: field(3)})
	case "device-affinity":
		d := g.Tasks[0].Resources.Devices[len(g.Tasks[0].Resources.Devices)-1]
		d.Affinities = append(d.Affinities, &api.Affinity{Weight: new(int8(atoi(t, f[1]))), LTarget: f[2], Operand: f[3], RTarget: f[4]})
	case "core-task":
		g.Tasks = append(g.Tasks, &api.Task{
			Name: f[1], Driver: "raw_exec",
			Resources: &api.Resources{Cores: new(atoi(t, f[2])), NUMA: &api.NUMAResource{Affinity: field(3)}},
		})
	default:
		t.Fatalf("job: %v", f)
	}
}

func lines(d *datadriven.TestData) [][]string {
	var out [][]string
	for line := range strings.Lines(d.Input) {
		if fields := strings.Fields(line); len(fields) > 0 {
			out = append(out, fields)
		}
	}
	return out
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
