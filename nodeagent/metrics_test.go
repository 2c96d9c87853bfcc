package nodeagent_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
	"github.com/droverhq/drover/nodeagent/fingerprint"
	"github.com/droverhq/drover/test/recorded"
)

// unknownMetrics are recorded and not told here: no driver measures swap yet, and nothing is
// taken of the bandwidth of networks.
var unknownMetrics = []string{"nomad.client.allocs.memory.swap", "nomad.client.unallocated.network"}

func TestMetricsAreThoseThatAreRecorded(t *testing.T) {
	e, err := recorded.Get("138-metrics")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Gauges []api.Gauge }
	if err := json.Unmarshal(e.Body, &answer); err != nil {
		t.Fatal(err)
	}
	onNode(t, func(t *testing.T, c *cluster, d *simulated.Driver, a *running) {
		c.expect(c.run(service(nil)), api.AllocClientRunning)
		labels := map[string][]string{}
		list, err := a.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range list {
			labels[g.Name] = slices.Sorted(maps.Keys(g.Labels))
		}
		for _, g := range answer.Gauges {
			if !strings.HasPrefix(g.Name, "nomad.client.") || slices.Contains(unknownMetrics, g.Name) || g.Labels["parent_id"] != "" {
				continue
			}
			if want := slices.Sorted(maps.Keys(g.Labels)); !slices.Equal(labels[g.Name], want) {
				t.Errorf("%s has the labels %v, want %v", g.Name, labels[g.Name], want)
			}
		}
	})
}

func TestMetricsCountWhatIsOnTheNode(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := options(t, c, d)
		o.Reserved.Cpu.CpuShares = 100
		o.Fingerprinters = []fingerprint.Fingerprinter{fingerprint.Fixed{Resources: api.NodeResources{Cpu: api.NodeCPUResources{CpuShares: 1000}}}}
		a := start(t, o)
		defer a.stop(t)
		<-a.Ready()
		for _, j := range []*api.Job{service(nil), service(nil), batch(api.Values{"run_for": "1s"})} {
			al := c.allocation(j)
			al.Usage = api.Usage{CPU: 50, MemoryMB: 10, MemoryMaxMB: 20}
			c.want(al)
		}
		time.Sleep(time.Minute)
		list, err := a.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, g := range list {
			got[strings.TrimPrefix(g.Name, "nomad.client.")] = g.Value
		}
		for name, want := range map[string]float64{
			"allocations.running": 2, "allocations.terminal": 1, "allocations.pending": 0, "tasks.running": 2, "tasks.dead": 1,
			"allocated.cpu": 100, "allocated.memory": 20, "allocated.max_memory": 40, "unallocated.cpu": 800,
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
	})
}
