package api

//msgp:ignore HostStats HostMemoryStats HostCPUStats HostDiskStats AllocResourceUsage TaskResourceUsage ResourceUsage MemoryStats CPUStats

// HostStats is what a node uses now: the answer to GET /v1/client/stats.
type HostStats struct {
	Memory           *HostMemoryStats
	CPU              []*HostCPUStats
	DiskStats        []*HostDiskStats
	AllocDirStats    *HostDiskStats
	DeviceStats      []any
	Uptime           uint64  // seconds
	CPUTicksConsumed float64 // MHz
	Timestamp        int64   // Unix nanoseconds
}

// HostMemoryStats is in bytes.
type HostMemoryStats struct {
	Total     uint64
	Available uint64
	Used      uint64
	Free      uint64
}

// HostCPUStats is in percent of one core since the last measurement.
type HostCPUStats struct {
	CPU          string
	User         float64
	System       float64
	Idle         float64
	TotalPercent float64
	TotalTicks   float64 // MHz
}

// HostDiskStats is a mounted file system; sizes are bytes.
type HostDiskStats struct {
	Device            string
	Mountpoint        string
	Size              uint64
	Used              uint64
	Available         uint64
	UsedPercent       float64
	InodesUsedPercent float64
}

// AllocResourceUsage is what an allocation uses now: the answer to GET
// /v1/client/allocation/ID/stats.
type AllocResourceUsage struct {
	ResourceUsage *ResourceUsage
	Tasks         map[string]*TaskResourceUsage
	Timestamp     int64 // Unix nanoseconds
}

// TaskResourceUsage is what a task uses, in all and by process.
type TaskResourceUsage struct {
	ResourceUsage *ResourceUsage
	Timestamp     int64
	Pids          map[string]*ResourceUsage
}

// ResourceUsage is memory and CPU.
type ResourceUsage struct {
	MemoryStats *MemoryStats
	CpuStats    *CPUStats
	DeviceStats []any
}

// MemoryStats is in bytes; Measured names the fields that were measured.
type MemoryStats struct {
	RSS            uint64
	Cache          uint64
	Swap           uint64
	MappedFile     uint64
	Usage          uint64
	MaxUsage       uint64
	KernelUsage    uint64
	KernelMaxUsage uint64
	Measured       []string
}

// CPUStats is in percent of one core, and MHz; Measured names the fields that were
// measured.
type CPUStats struct {
	SystemMode       float64
	UserMode         float64
	TotalTicks       float64 // MHz
	ThrottledPeriods uint64
	ThrottledTime    uint64
	Percent          float64
	Measured         []string
}
