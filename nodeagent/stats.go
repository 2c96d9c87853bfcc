package nodeagent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/disk"
	"github.com/droverhq/drover/nodeagent/driver"
)

// hostStats measures what the machine uses. Shares of CPU time are those since the
// measurement before, or since the machine was started: nothing is measured while
// nobody asks.
type hostStats struct {
	mu   sync.Mutex // guards last
	last []cpuTimes
}

// cpuTimes is the time that a core has spent so far, in clock ticks.
type cpuTimes struct {
	name                      string
	user, system, idle, total uint64
}

func (s *hostStats) measure(now time.Time, dir string) (*api.HostStats, error) {
	out := &api.HostStats{Timestamp: now.UnixNano()}
	system := os.DirFS("/")
	var err error
	if out.Memory, err = memoryStats(system); err != nil {
		return nil, err
	}
	if out.Uptime, err = uptime(system); err != nil {
		return nil, err
	}
	times, err := readCPUTimes(system)
	if err != nil {
		return nil, err
	}
	mhz := coreMHz(system)
	s.mu.Lock()
	for i, t := range times {
		var before cpuTimes
		if i < len(s.last) && s.last[i].name == t.name {
			before = s.last[i]
		}
		c := t.since(before, mhz)
		out.CPU = append(out.CPU, c)
		out.CPUTicksConsumed += c.TotalTicks
	}
	s.last = times
	s.mu.Unlock()
	if out.DiskStats, err = diskStats(system); err != nil {
		return nil, err
	}
	out.AllocDirStats, err = statDisk("", dir)
	if out.AllocDirStats != nil {
		out.AllocDirStats.Mountpoint = ""
	}
	return out, err
}

func (t cpuTimes) since(before cpuTimes, mhz float64) *api.HostCPUStats {
	total := float64(t.total - min(before.total, t.total))
	share := func(now, then uint64) float64 {
		if total == 0 || now < then {
			return 0
		}
		return 100 * float64(now-then) / total
	}
	c := &api.HostCPUStats{
		CPU:    t.name,
		User:   share(t.user, before.user),
		System: share(t.system, before.system),
		Idle:   share(t.idle, before.idle),
	}
	c.TotalPercent = max(0, 100-c.Idle)
	if total == 0 {
		c.Idle, c.TotalPercent = 100, 0
	}
	c.TotalTicks = c.TotalPercent / 100 * mhz
	return c
}

var errProc = errors.New("does not have the form that is expected")

// readCPUTimes reads /proc/stat: cpuN user nice system idle iowait irq softirq steal.
func readCPUTimes(system fs.FS) ([]cpuTimes, error) {
	b, err := fs.ReadFile(system, "proc/stat")
	if err != nil {
		return nil, err
	}
	var out []cpuTimes
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[0], "cpu") || f[0] == "cpu" {
			continue
		}
		var v [8]uint64
		for i := range min(len(v), len(f)-1) {
			if v[i], err = strconv.ParseUint(f[i+1], 10, 64); err != nil {
				return nil, fmt.Errorf("/proc/stat: %w", err)
			}
		}
		t := cpuTimes{name: f[0], user: v[0] + v[1], system: v[2] + v[5] + v[6], idle: v[3] + v[4]}
		for _, n := range v {
			t.total += n
		}
		out = append(out, t)
	}
	return out, nil
}

// coreMHz returns the speed that the first core runs at, or 0.
func coreMHz(system fs.FS) float64 {
	b, err := fs.ReadFile(system, "proc/cpuinfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "cpu MHz" {
			if v, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				return v
			}
		}
	}
	return 0
}

func memoryStats(system fs.FS) (*api.HostMemoryStats, error) {
	b, err := fs.ReadFile(system, "proc/meminfo")
	if err != nil {
		return nil, err
	}
	kb := map[string]uint64{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		if n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64); err == nil {
			kb[key] = n
		}
	}
	m := &api.HostMemoryStats{Total: kb["MemTotal"] << 10, Available: kb["MemAvailable"] << 10, Free: kb["MemFree"] << 10}
	if m.Total == 0 {
		return nil, fmt.Errorf("/proc/meminfo %w", errProc)
	}
	cached := (kb["Buffers"] + kb["Cached"] + kb["SReclaimable"]) << 10
	m.Used = m.Total - min(m.Total, m.Free+cached)
	return m, nil
}

func uptime(system fs.FS) (uint64, error) {
	b, err := fs.ReadFile(system, "proc/uptime")
	if err != nil {
		return 0, err
	}
	seconds, _, _ := strings.Cut(string(b), ".")
	n, err := strconv.ParseUint(seconds, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/uptime: %w", err)
	}
	return n, nil
}

// diskStats lists the mounted file systems that are on a device, each device once.
func diskStats(system fs.FS) ([]*api.HostDiskStats, error) {
	b, err := fs.ReadFile(system, "proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var out []*api.HostDiskStats
	seen := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasPrefix(f[0], "/dev/") || seen[f[0]] {
			continue
		}
		seen[f[0]] = true
		d, err := statDisk(f[0], strings.ReplaceAll(f[1], `\040`, " "))
		if err != nil {
			continue // unmounted meanwhile, or not ours to look at
		}
		out = append(out, d)
	}
	return out, nil
}

func statDisk(device, point string) (*api.HostDiskStats, error) {
	u, err := disk.Of(point)
	if err != nil {
		return nil, err
	}
	return &api.HostDiskStats{
		Device: device, Mountpoint: point, Size: u.Size, Used: u.Used, Available: u.Available,
		UsedPercent: u.UsedPercent(), InodesUsedPercent: u.InodesUsedPercent(),
	}, nil
}

// usage joins what an allocation's tasks use. Shares of CPU time are those since the
// last time that somebody asked, or since the task's start.
func (r *runner) usage(stats map[string]driver.Stats, handles map[string]driver.Handle, now time.Time, mhz float64) *api.AllocResourceUsage {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &api.AllocResourceUsage{ResourceUsage: noUsage(), Tasks: map[string]*api.TaskResourceUsage{}, Timestamp: now.UnixNano()}
	out.ResourceUsage.DeviceStats = []any{}
	for task, s := range stats {
		before := r.measured[task]
		if before.TaskID != handles[task].TaskID {
			before = measurement{Stats: driver.Stats{MeasuredAt: handles[task].Started}}
		}
		u := between(before.Stats, s, mhz)
		if r.measured == nil {
			r.measured = map[string]measurement{}
		}
		r.measured[task] = measurement{Stats: s, TaskID: handles[task].TaskID}
		out.Tasks[task] = &api.TaskResourceUsage{
			ResourceUsage: u, Timestamp: s.MeasuredAt.UnixNano(),
			Pids: map[string]*api.ResourceUsage{strconv.Itoa(handles[task].PID): u},
		}
		addUsage(out.ResourceUsage, u)
	}
	return out
}

// measurement is what a task used when somebody asked last.
type measurement struct {
	driver.Stats
	TaskID string
}

func noUsage() *api.ResourceUsage {
	return &api.ResourceUsage{
		MemoryStats: &api.MemoryStats{Measured: []string{"RSS"}},
		CpuStats:    &api.CPUStats{Measured: []string{"System Mode", "User Mode", "Percent"}},
	}
}

func between(before, after driver.Stats, mhz float64) *api.ResourceUsage {
	u := noUsage()
	u.MemoryStats.RSS = after.MemoryRSS
	if elapsed := after.MeasuredAt.Sub(before.MeasuredAt); elapsed > 0 {
		share := func(spent time.Duration) float64 { return max(0, 100*float64(spent)/float64(elapsed)) }
		u.CpuStats.Percent = share(after.CPUTime - before.CPUTime)
		u.CpuStats.UserMode = share(after.CPUUser - before.CPUUser)
		u.CpuStats.SystemMode = share(after.CPUSystem - before.CPUSystem)
		u.CpuStats.TotalTicks = u.CpuStats.Percent / 100 * mhz
	}
	return u
}

func addUsage(sum, u *api.ResourceUsage) {
	sum.MemoryStats.RSS += u.MemoryStats.RSS
	sum.CpuStats.Percent += u.CpuStats.Percent
	sum.CpuStats.UserMode += u.CpuStats.UserMode
	sum.CpuStats.SystemMode += u.CpuStats.SystemMode
	sum.CpuStats.TotalTicks += u.CpuStats.TotalTicks
}
