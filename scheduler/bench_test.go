package scheduler_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// simulatedNode is a node as large fleets have them.
func simulatedNode(i int) *api.Node {
	return &api.Node{
		ID:         uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i)).String(),
		Name:       fmt.Sprintf("node-%d", i),
		Datacenter: fmt.Sprintf("dc%d", i%3+1),
		NodePool:   "default",
		Attributes: map[string]string{
			"kernel.name": "linux", "cpu.arch": "amd64", "driver.raw_exec": "1",
			"nomad.version": "2.0.6", "unique.hostname": fmt.Sprintf("node-%d", i),
		},
		Drivers: map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
		Resources: &api.NodeResources{
			Cpu:      api.NodeCPUResources{CpuShares: 64000, TotalCpuCores: 32},
			Memory:   api.NodeMemoryResources{MemoryMB: 256000},
			Disk:     api.NodeDiskResources{DiskMB: 2000000},
			Networks: []*api.NodeNetworkInfo{{Mode: "host", IP: "10.0.0.1"}},
		},
	}
}

func simulatedFleet(nodes int) *scheduler.Fleet {
	f := scheduler.NewFleet()
	for i := range nodes {
		f.SetNode(scheduler.NodeState{Node: simulatedNode(i), Ready: true, Eligible: true})
	}
	return f
}

func simulatedJob(id string, count int, ports ...api.Port) *api.Job {
	job := &api.Job{
		ID: new(id), Namespace: new("default"), Datacenters: []string{"*"},
		Constraints: []*api.Constraint{{LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "linux"}},
		TaskGroups: []*api.TaskGroup{{
			Name: new("g"), Count: new(count),
			EphemeralDisk: &api.EphemeralDisk{SizeMB: new(10)},
			Tasks: []*api.Task{{
				Name: "t", Driver: "raw_exec",
				Resources: &api.Resources{CPU: new(20), MemoryMB: new(20)},
			}},
		}},
	}
	if len(ports) > 0 {
		job.TaskGroups[0].Networks = []*api.NetworkResource{{DynamicPorts: ports}}
	}
	return job
}

func newIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	return ids
}

func reportRate(b *testing.B, placements int) {
	b.ReportMetric(float64(placements)*float64(b.N)/b.Elapsed().Seconds(), "placements/s")
}

// BenchmarkPlaceOneLargeGroup is the design's row "1 job × 10,000 on 500 nodes".
func BenchmarkPlaceOneLargeGroup(b *testing.B) {
	for name, ports := range map[string][]api.Port{"plain": nil, "port": {{Label: "http"}}} {
		b.Run(name, func(b *testing.B) {
			base := simulatedFleet(500)
			job, ids := simulatedJob("large", 10000, ports...), newIDs(10000)
			b.ReportAllocs()
			for b.Loop() {
				f := base.Clone()
				if _, failure := f.Place(scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: len(ids), IDs: ids}); failure != nil {
					b.Fatal("not all were placed")
				}
			}
			reportRate(b, len(ids))
		})
	}
}

// BenchmarkPlaceManyGroups is the design's row "200 jobs × 50 on 500 nodes".
func BenchmarkPlaceManyGroups(b *testing.B) {
	base := simulatedFleet(500)
	jobs, ids := make([]*api.Job, 200), make([][]string, 200)
	for i := range jobs {
		jobs[i], ids[i] = simulatedJob(fmt.Sprintf("job-%d", i), 50), newIDs(50)
	}
	b.ReportAllocs()
	for b.Loop() {
		f := base.Clone()
		for i, job := range jobs {
			if _, failure := f.Place(scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: 50, IDs: ids[i]}); failure != nil {
				b.Fatal("not all were placed")
			}
		}
	}
	reportRate(b, 200*50)
}

// BenchmarkPlaceOnLargeFleet places one instance among 6,100 nodes.
func BenchmarkPlaceOnLargeFleet(b *testing.B) {
	for _, count := range []int{1, 100, 10000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			f := simulatedFleet(6100)
			job, ids := simulatedJob("one", count), newIDs(count)
			for b.Loop() {
				if placed, _ := f.Place(scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: count, IDs: ids}); len(placed) != count {
					b.Fatal("not placed")
				}
				for _, id := range ids {
					f.RemoveAllocation(id)
				}
			}
			reportRate(b, count)
		})
	}
}

// BenchmarkTwoMillion is 200 jobs × 10,000 on 6,100 nodes: how fast they are placed
// and what the fleet keeps of each.
func BenchmarkTwoMillion(b *testing.B) {
	const jobs, each = 200, 10000
	for b.Loop() {
		f := simulatedFleet(6100)
		ids := newIDs(each)
		before := heapBytes()
		for j := range jobs {
			job := simulatedJob(fmt.Sprintf("job-%d", j), each)
			if _, failure := f.Place(scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: each, IDs: ids}); failure != nil {
				b.Fatalf("job %d: %+v", j, failure)
			}
			ids = newIDs(each)
		}
		b.ReportMetric(float64(heapBytes()-before)/(jobs*each), "bytes/allocation")
		if f.Allocations() != jobs*each {
			b.Fatal("allocations are missing")
		}
	}
	reportRate(b, jobs*each)
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkSetAgain is what comes back through the store: what was assumed.
func BenchmarkSetAgain(b *testing.B) {
	f := simulatedFleet(500)
	job, ids := simulatedJob("large", 10000), newIDs(10000)
	placed, _ := f.Place(scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: len(ids), IDs: ids})
	a := &api.Allocation{
		ID: placed[0].AllocID, NodeID: placed[0].NodeID, Namespace: "default", JobID: "large", TaskGroup: "g",
		DesiredStatus: api.AllocDesiredRun, Usage: placed[0].Usage, Ports: placed[0].Ports,
	}
	for b.Loop() {
		f.SetAllocation(a)
	}
}

// BenchmarkDryRun is what a plan costs: a clone of a large fleet and one placement.
func BenchmarkDryRun(b *testing.B) {
	const jobs, each = 50, 10000
	f := simulatedFleet(6100)
	for j := range jobs {
		job := simulatedJob(fmt.Sprintf("job-%d", j), each)
		f.Place(scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: each, IDs: newIDs(each)})
	}
	job, ids := simulatedJob("dry", 10), newIDs(10)
	for b.Loop() {
		f.Clone().Place(scheduler.Ask{Job: job, Group: job.TaskGroups[0], Count: 10, IDs: ids})
	}
}

// BenchmarkPreempt makes room for 50 instances on full nodes of 20 allocations each, of
// which no two are alike.
func BenchmarkPreempt(b *testing.B) {
	for _, nodes := range []int{500, 6100} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			f, victims := simulatedFleet(nodes), map[string][]scheduler.Victim{}
			for i := range nodes {
				node, left := simulatedNode(i).ID, int64(64000)
				for k := range 20 {
					cpu := int64(1000 + (i*7919+k*104729)%4000)
					if k == 19 {
						cpu = left
					}
					left -= cpu
					a := &api.Allocation{
						ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i, k)).String(), NodeID: node, Namespace: "default",
						JobID: fmt.Sprint("low-", k), TaskGroup: "g", DesiredStatus: api.AllocDesiredRun,
						Usage: api.Usage{CPU: cpu, MemoryMB: cpu},
					}
					f.SetAllocation(a)
					victims[node] = append(victims[node], scheduler.Victim{ID: a.ID, Priority: 10 * (1 + k%4), Limit: 1})
				}
			}
			job, ids := simulatedJob("high", 50), newIDs(50)
			job.Priority, job.TaskGroups[0].Tasks[0].Resources.CPU = new(80), new(9000)
			ask := scheduler.Ask{
				Job: job, Group: job.TaskGroups[0], Count: len(ids), IDs: ids,
				Victims: func(node string) []scheduler.Victim { return victims[node] },
			}
			for b.Loop() {
				if placed, _ := f.Clone().Place(ask); len(placed) != len(ids) {
					b.Fatal("not all were placed")
				}
			}
			reportRate(b, len(ids))
		})
	}
}
