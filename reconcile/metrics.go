package reconcile

import (
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// observer is the part of a histogram that workers use.
type observer interface{ Observe(float64) }

// metrics makes the metrics of controllers.
type metrics struct {
	registerer prometheus.Registerer // may be nil
	latency    *prometheus.HistogramVec
	duration   *prometheus.HistogramVec
}

// buckets go from 10 µs, a pass that only reads, to 100 s.
var buckets = prometheus.ExponentialBuckets(1e-5, 10, 8)

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		registerer: registerer,
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "drover_controller_queue_latency_seconds", Buckets: buckets,
			Help: "How long requests were ready before a worker took them.",
		}, []string{"controller"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "drover_controller_work_duration_seconds", Buckets: buckets,
			Help: "How long reconcile passes took.",
		}, []string{"controller"}),
	}
	return m, m.registerAll(m.latency, m.duration)
}

// add makes the metrics of one controller.
func (m *metrics) add(c *controller) error {
	c.latency = m.latency.WithLabelValues(c.name)
	c.duration = m.duration.WithLabelValues(c.name)
	if m.registerer == nil {
		return nil
	}
	n := &c.counts
	all := []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "drover_controller_queue_depth", Help: "Requests that wait for a worker.",
			ConstLabels: prometheus.Labels{"controller": c.name},
		}, func() float64 { return float64(c.status().Queued) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "drover_controller_working", Help: "Requests that workers have.",
			ConstLabels: prometheus.Labels{"controller": c.name},
		}, func() float64 { return float64(c.status().Working) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "drover_controller_last_error_timestamp_seconds", Help: "When a pass last failed; 0 if none did.",
			ConstLabels: prometheus.Labels{"controller": c.name},
		}, func() float64 {
			if e := c.status().LastError; e != nil {
				return float64(e.Time.UnixMilli()) / 1000
			}
			return 0
		}),
		counter("drover_controller_retries_total", "Passes that failed or conflicted and are made again.",
			prometheus.Labels{"controller": c.name}, &n.retries),
	}
	for result, count := range map[string]*atomic.Uint64{
		"success": &n.success, "requeue": &n.requeued, "conflict": &n.conflicts,
		"error": &n.errors, "terminal": &n.terminal, "panic": &n.panics,
	} {
		all = append(all, counter("drover_controller_reconciles_total", "Reconcile passes by how they ended.",
			prometheus.Labels{"controller": c.name, "result": result}, count))
	}
	return m.registerAll(all...)
}

func counter(name, help string, labels prometheus.Labels, n *atomic.Uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
		func() float64 { return float64(n.Load()) })
}

func (m *metrics) registerAll(all ...prometheus.Collector) error {
	if m.registerer == nil {
		return nil
	}
	for _, c := range all {
		if err := m.registerer.Register(c); err != nil {
			return fmt.Errorf("register metrics of controllers: %w", err)
		}
	}
	return nil
}
