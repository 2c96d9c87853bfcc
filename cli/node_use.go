package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// allocatedText shows how much of a node is promised to allocations that have not
// ended.
func allocatedText(n *api.Node, allocs []*api.Allocation) string {
	var used api.Usage
	live := 0
	for _, a := range allocs {
		if !liveAlloc(a) || a.AllocatedResources == nil {
			continue
		}
		live++
		used.DiskMB += a.AllocatedResources.Shared.DiskMB
		for _, t := range a.AllocatedResources.Tasks {
			used.CPU += t.Cpu.CpuShares
			used.MemoryMB += t.Memory.MemoryMB
		}
	}
	cpu, memory, disk := capacity(n)
	return "Allocated Resources\n" + table([][]string{
		{"CPU", "Memory", "Disk", "Alloc Count"},
		{fmt.Sprintf("%d/%d MHz", used.CPU, cpu), mib(used.MemoryMB) + "/" + mib(memory), mib(used.DiskMB) + "/" + mib(disk), fmt.Sprint(live)},
	})
}

func liveAlloc(a *api.Allocation) bool {
	switch a.ClientStatus {
	case api.AllocClientComplete, api.AllocClientFailed, api.AllocClientLost:
		return false
	}
	return true
}

// capacity is what tasks can have of a node: MHz, MiB, MiB.
func capacity(n *api.Node) (cpu, memory, disk int64) {
	if n.Resources == nil {
		return 0, 0, 0
	}
	cpu, memory, disk = n.Resources.Cpu.CpuShares, n.Resources.Memory.MemoryMB, n.Resources.Disk.DiskMB
	if r := n.ReservedResources; r != nil {
		cpu, memory, disk = cpu-r.Cpu.CpuShares, memory-r.Memory.MemoryMB, disk-r.Disk.DiskMB
	}
	return cpu, memory, disk
}

// statsAtOnce is how many allocations are asked for their figures at a time.
const statsAtOnce = 16

// use is what tasks really take: MHz and bytes.
type use struct {
	cpu    float64
	memory uint64
}

// allocUse adds up what the running allocations of a node take. One that can't be
// asked, because it is just ending, counts as nothing.
func allocUse(ctx context.Context, cl *client.Client, allocs []*api.Allocation) use {
	var asking errgroup.Group
	asking.SetLimit(statsAtOnce)
	each := make([]use, len(allocs))
	for i, a := range allocs {
		if a.ClientStatus != api.AllocClientRunning {
			continue
		}
		asking.Go(func() error {
			stats, err := cl.Allocations.Stats(ctx, a.ID, client.Query{Namespace: a.Namespace})
			if err == nil && stats.ResourceUsage != nil {
				each[i] = use{stats.ResourceUsage.CpuStats.TotalTicks, stats.ResourceUsage.MemoryStats.RSS}
			}
			return nil
		})
	}
	_ = asking.Wait() // each of them returns nil
	var sum use
	for _, u := range each {
		sum.cpu += u.cpu
		sum.memory += u.memory
	}
	return sum
}

func allocUseText(n *api.Node, u use) string {
	cpu, memory, _ := capacity(n)
	return "Allocation Resource Utilization\n" + table([][]string{
		{"CPU", "Memory"},
		{fmt.Sprintf("%.0f/%d MHz", u.cpu, cpu), bytesOf(u.memory) + "/" + mib(memory)},
	})
}

// hostUseText shows what is really used of a node.
func hostUseText(n *api.Node, s *api.HostStats) string {
	cpu, _, _ := capacity(n)
	row := []string{fmt.Sprintf("%.0f/%d MHz", s.CPUTicksConsumed, cpu), "<none>", "<none>"}
	if s.Memory != nil {
		row[1] = bytesOf(s.Memory.Used) + "/" + bytesOf(s.Memory.Total)
	}
	if d := s.AllocDirStats; d != nil {
		row[2] = bytesOf(d.Used) + "/" + bytesOf(d.Size)
	}
	return "Host Resource Utilization\n" + table([][]string{{"CPU", "Memory", "Disk"}, row})
}

func hostStatsText(s *api.HostStats) string {
	var b strings.Builder
	b.WriteString("CPU Stats\n")
	for i, c := range s.CPU {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(pairs("CPU", c.CPU, "User", percent(c.User), "System", percent(c.System), "Idle", percent(c.Idle)))
	}
	if m := s.Memory; m != nil {
		b.WriteString("\nMemory Stats\n" + pairs("Total", bytesOf(m.Total), "Available", bytesOf(m.Available), "Used", bytesOf(m.Used), "Free", bytesOf(m.Free)))
	}
	b.WriteString("\nDisk Stats\n")
	for i, d := range s.DiskStats {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(pairs("Device", d.Device, "MountPoint", d.Mountpoint, "Size", bytesOf(d.Size), "Used", bytesOf(d.Used),
			"Available", bytesOf(d.Available), "Used Percent", percent(d.UsedPercent), "Inodes Percent", percent(d.InodesUsedPercent)))
	}
	return b.String()
}

func percent(p float64) string { return fmt.Sprintf("%.2f%%", p) }

func nodeAllocTable(allocs []*api.Allocation, l ids, now time.Time) string {
	if len(allocs) == 0 {
		return "No allocations placed\n"
	}
	slices.SortStableFunc(allocs, func(a, b *api.Allocation) int { return int(b.CreateTime/1e9 - a.CreateTime/1e9) })
	rows := [][]string{{"ID", "Node ID", "Job ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"}}
	for _, a := range allocs {
		version := ""
		if a.Job != nil {
			version = fmt.Sprint(api.Deref(a.Job.Version))
		}
		rows = append(rows, []string{
			l.of(a.ID), l.of(a.NodeID), a.JobID, a.TaskGroup, version, a.DesiredStatus, a.ClientStatus,
			ago(a.CreateTime, now), ago(a.ModifyTime, now),
		})
	}
	return table(rows)
}
