package scheduler_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/scheduler"
)

// recordedNode is the node on which the exchanges that clients know were recorded.
func recordedNode() *api.Node {
	return &api.Node{
		ID: "8f1a56e6-abee-d11b-35cf-4af3b2451607", Name: "node-1", Datacenter: "dc1", NodePool: "default",
		Attributes: map[string]string{"kernel.name": "linux", "driver.raw_exec": "1"},
		Drivers:    map[string]*api.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
		Resources: &api.NodeResources{
			Cpu:    api.NodeCPUResources{CpuShares: 5192, TotalCpuCores: 2, ReservableCpuCores: []uint16{0, 1}},
			Memory: api.NodeMemoryResources{MemoryMB: 24105},
			Disk:   api.NodeDiskResources{DiskMB: 258019},
			Networks: []*api.NodeNetworkInfo{
				{Mode: "bridge"},
				{Mode: "host", Device: "lo", CIDR: "127.0.0.1/32", IP: "127.0.0.1"},
			},
			NodeNetworks: []*api.NodeNetworkResource{{Mode: "bridge"}, {
				Mode: "host", Device: "lo",
				Addresses: []api.NodeNetworkAddress{
					{Family: "ipv4", Alias: "default", Address: "127.0.0.1"},
					{Family: "ipv6", Alias: "default", Address: "::1"},
				},
			}},
			MinDynamicPort: 20000, MaxDynamicPort: 32000,
		},
	}
}

func equalJSON(t *testing.T, got any, want string) {
	t.Helper()
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if err := json.Unmarshal(encoded, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", encoded, want)
	}
}

func TestMetricsOfAPlacementAreAsRecorded(t *testing.T) {
	f := scheduler.NewFleet()
	f.SetNode(scheduler.NodeState{Node: recordedNode(), Ready: true, Eligible: true})
	job := simulatedJob("hello", 1)
	job.Datacenters = []string{"dc1"}
	g := job.TaskGroups[0]
	g.EphemeralDisk.SizeMB = new(300)
	g.Tasks[0].Resources = &api.Resources{CPU: new(100), MemoryMB: new(64)}
	g.Networks = []*api.NetworkResource{{ReservedPorts: []api.Port{{Label: "http", Value: 5678, HostNetwork: "default"}}}}

	placed, failure := f.Place(scheduler.Ask{Job: job, Group: g, Count: 1, IDs: newIDs(1)})
	if failure != nil {
		t.Fatalf("not placed: %+v", failure)
	}
	placed[0].Metrics.AllocationTime = 33420
	equalJSON(t, placed[0].Metrics, `{
		"AllocationTime": 33420, "ClassExhausted": null, "ClassFiltered": null, "CoalescedFailures": 0,
		"ConstraintFiltered": null, "DimensionExhausted": null, "NodePool": "default", "NodesAvailable": {"dc1": 1},
		"NodesEvaluated": 1, "NodesExhausted": 0, "NodesFiltered": 0, "NodesInPool": 1, "QuotaExhausted": null,
		"ResourcesExhausted": null, "Scores": null,
		"ScoreMetaData": [{"NodeID": "8f1a56e6-abee-d11b-35cf-4af3b2451607", "NormScore": 0.027485842328672225, "Scores": {
			"job-anti-affinity": 0.0, "node-reschedule-penalty": 0.0, "node-affinity": 0.0, "binpack": 0.027485842328672225
		}}]}`)
	equalJSON(t, placed[0].Ports, `[{"HostIP": "127.0.0.1", "Label": "http", "Value": 5678}]`)
	if want := (api.Usage{CPU: 100, MemoryMB: 64, DiskMB: 300}); placed[0].Usage != want || placed[0].NodeName != "node-1" {
		t.Errorf("placement is %+v", placed[0])
	}
}

func TestReasonsAreAsRecorded(t *testing.T) {
	f := scheduler.NewFleet()
	n := recordedNode()
	n.ComputedClass = "v1:12784096127717106109"
	f.SetNode(scheduler.NodeState{Node: n, Ready: true, Eligible: true})
	job := simulatedJob("unplaceable", 2)
	g := job.TaskGroups[0]
	g.Constraints = []*api.Constraint{{LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "windows"}}

	_, failure := f.Place(scheduler.Ask{Job: job, Group: g, Count: 2, IDs: newIDs(2)})
	failure.AllocationTime = 9304
	equalJSON(t, failure, `{
		"AllocationTime": 9304, "ClassExhausted": null, "ClassFiltered": null, "CoalescedFailures": 1,
		"ConstraintFiltered": {"${attr.kernel.name} = windows": 1}, "DimensionExhausted": null, "NodePool": "default",
		"NodesAvailable": {"dc1": 1}, "NodesEvaluated": 1, "NodesExhausted": 0, "NodesFiltered": 1, "NodesInPool": 1,
		"QuotaExhausted": null, "ResourcesExhausted": null, "ScoreMetaData": null, "Scores": null}`)
	equalJSON(t, f.ClassEligibility(job, g), `{"v1:12784096127717106109": false}`)
}
