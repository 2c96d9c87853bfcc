package httpapi

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/droverhq/drover/api"
)

func TestTheAgentSaysWhatItIs(t *testing.T) {
	c := newCluster(t, func(o *Options) {
		o.Agent.Config = map[string]any{"Datacenter": "dc1"}
		o.Agent.Client = func() api.AgentRoleHealth { return api.AgentRoleHealth{OK: true, Message: "ok"} }
		o.Agent.ClientStats = func() map[string]string { return map[string]string{"num_allocations": "3"} }
	})
	var self api.AgentSelf
	c.get("/v1/agent/self", &self)
	if self.Config["Datacenter"] != "dc1" || self.Member.Name != "node-1.global" || self.Stats["nomad"]["leader"] != "true" ||
		self.Stats["client"]["num_allocations"] != "3" {
		t.Errorf("self %+v", self)
	}
	r := exchange(t, "002")
	if d := differences("$", tree(t, r.Body), tree(t, c.get("/v1/agent/health", nil).body)); len(d) > 0 {
		t.Error(strings.Join(d, "\n"))
	}
	var health api.AgentHealth
	if c.get("/v1/agent/health?type=server", &health); health.Client != nil || health.Server == nil {
		t.Errorf("health of the server: %+v", health)
	}
}

func TestAnUnhealthyClientMakesTheAgentUnhealthy(t *testing.T) {
	c := newCluster(t, func(o *Options) {
		o.Agent.Client = func() api.AgentRoleHealth { return api.AgentRoleHealth{Message: "no servers"} }
	})
	a := c.do(http.MethodGet, "/v1/agent/health", "")
	if a.status != http.StatusInternalServerError || !strings.Contains(string(a.body), `"message":"no servers"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.get("/v1/agent/health?type=server", nil)
}

func TestMetricsAreShownAsJSONAndForPrometheus(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "drover_requests_total"}, []string{"route"})
	counter.WithLabelValues("jobs").Add(4)
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "drover_depth"})
	gauge.Set(math.Inf(1))
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "drover_seconds", Buckets: []float64{1, 2, 4, 8}})
	for _, v := range []float64{1.5, 3, 3.5} {
		histogram.Observe(v)
	}
	registry.MustRegister(counter, gauge, histogram)
	c := newCluster(t, func(o *Options) {
		o.Metrics = registry
		o.Agent.ClientMetrics = func(context.Context) ([]api.Gauge, error) {
			return []api.Gauge{
				{Name: "nomad.client.host.cpu.user", Value: 5, Labels: map[string]string{"host": "a", "cpu": "cpu0"}},
				{Name: "nomad.client.uptime", Value: 7},
				{Name: "nomad.client.host.cpu.user", Value: 6, Labels: map[string]string{"host": "a", "cpu": "cpu1"}},
			}, nil
		}
	})
	c.put(&api.JobStatus{Namespace: "default", JobID: "a", Status: api.JobStatusRunning}, &api.NodeStatus{NodeID: "n", Status: api.NodeReady})

	var m metricsAnswer
	c.get("/v1/metrics", &m)
	gauges := map[string]float64{}
	for _, g := range m.Gauges {
		gauges[g.Name] = g.Value
	}
	if gauges["nomad.nomad.job_status.running"] != 1 || gauges["nomad.nomad.heartbeat.active"] != 1 || gauges["nomad.runtime.num_goroutines"] == 0 {
		t.Errorf("gauges %v", gauges)
	}
	if len(m.Counters) != 1 || m.Counters[0].Sum != 4 || m.Counters[0].Labels["route"] != "jobs" {
		t.Errorf("counters %+v", m.Counters)
	}
	if s := m.Samples[0]; s.Count != 3 || s.Sum != 8 || s.Min != 1 || s.Max != 4 {
		t.Errorf("samples %+v", m.Samples)
	}
	recordedTop := tree(t, exchange(t, "138").Body).(map[string]any)
	for name := range recordedTop {
		if _, ok := tree(t, c.get("/v1/metrics", nil).body).(map[string]any)[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}

	text := string(c.get("/v1/metrics?format=prometheus", nil).body)
	for _, want := range []string{
		"nomad_nomad_job_status_running 1\n", `drover_requests_total{route="jobs"} 4`, "drover_seconds_bucket{le=\"4\"} 3", "nomad_runtime_sys_bytes ",
		"# TYPE nomad_client_host_cpu_user gauge\nnomad_client_host_cpu_user{cpu=\"cpu0\",host=\"a\"} 5\nnomad_client_host_cpu_user{cpu=\"cpu1\",host=\"a\"} 6\n",
		"nomad_client_uptime 7\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
}
