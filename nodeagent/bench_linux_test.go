package nodeagent_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
	"github.com/droverhq/drover/nodeagent/fingerprint"
)

// benchAgent starts an agent with the real driver, and the real shim if it has been
// built.
func benchAgent(b *testing.B) (*cluster, *running) {
	b.Helper()
	c := newCluster(b)
	o := nodeagent.Options{DataDir: b.TempDir(), Servers: []string{c.serveTCP(b)}}
	o.Fingerprint.NetworkInterface = "lo"
	raw := rawexec.Options{Plugin: rawexec.Plugin{Enabled: true}}
	if dir := os.Getenv("DROVER_BIN"); dir != "" {
		raw.ShimPath = filepath.Join(dir, "drover-shim")
	}
	o.Drivers = []driver.Driver{rawexec.New(raw)}
	a := start(b, o)
	<-a.Ready()
	return c, a
}

// BenchmarkTrue measures batch tasks that do nothing, a hundred at a time, from what
// is wanted to what is reported.
func BenchmarkTrue(b *testing.B) {
	c, a := benchAgent(b)
	defer a.stop(b)
	n := 0
	for b.Loop() {
		j := shell(api.JobTypeBatch, "")
		j.TaskGroups[0].Tasks[0].Config = api.Values{"command": "/bin/true"}
		var ids []string
		for range 100 {
			ids = append(ids, c.run(j))
		}
		for _, id := range ids {
			c.awaitStatus(b, id, api.AllocClientComplete)
		}
		n += len(ids)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkRunning measures one service task at a time, until it is reported running.
func BenchmarkRunning(b *testing.B) {
	c, a := benchAgent(b)
	defer a.stop(b)
	j := shell(api.JobTypeService, "exec sleep 1000")
	for b.Loop() {
		id := c.run(j)
		c.awaitStatus(b, id, api.AllocClientRunning)
		b.StopTimer()
		c.stop(id)
		c.awaitStatus(b, id, api.AllocClientComplete)
		b.StartTimer()
	}
}

// BenchmarkReady measures an agent from its start to the welcome.
func BenchmarkReady(b *testing.B) {
	for b.Loop() {
		c, a := benchAgent(b)
		b.StopTimer()
		a.stop(b)
		c.set(func(c *cluster) { c.line.cut() })
		b.StartTimer()
	}
}

// BenchmarkSimulated measures simulated allocations, a thousand at a time, from what is
// wanted to what is reported.
func BenchmarkSimulated(b *testing.B) {
	c := newCluster(b)
	a := start(b, nodeagent.Options{
		Servers: []string{c.serveTCP(b)}, Drivers: []driver.Driver{simulated.New()},
		Fingerprinters: []fingerprint.Fingerprinter{fingerprint.Fixed{}},
	})
	defer a.stop(b)
	<-a.Ready()
	n := 0
	began := time.Now()
	for b.Loop() {
		j := service(nil)
		var ids []string
		for range 1000 {
			ids = append(ids, c.run(j))
		}
		for _, id := range ids {
			c.awaitStatus(b, id, api.AllocClientRunning)
		}
		n += len(ids)
	}
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "allocations/s")
}
