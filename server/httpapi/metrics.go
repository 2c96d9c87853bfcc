package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// metricsAnswer is the answer to GET /v1/metrics.
type metricsAnswer struct {
	Timestamp       string
	Gauges          []api.Gauge
	PrecisionGauges []api.Gauge
	Points          []api.Gauge
	Counters        []sampledFigure
	Samples         []sampledFigure
}

// sampledFigure sums up values since the process started. What a metric does not
// keep is 0; Min and Max of a histogram are the bounds of its buckets.
type sampledFigure struct {
	Name   string
	Count  uint64
	Rate   float64 // of Sum, per second of the process's life
	Sum    float64
	Min    float64
	Max    float64
	Mean   float64
	Stddev float64
	Labels map[string]string
}

// readMetrics is GET /v1/metrics, in JSON or, with ?format=prometheus, as Prometheus
// reads it.
func readMetrics(c *call) error {
	gauges := append(stateFigures(c.api.store.Snapshot()), runtimeFigures()...)
	if client := c.api.agent.ClientMetrics; client != nil {
		more, err := client(c.http.Context())
		if err != nil {
			c.api.log.Error(err, "some metrics of the node are missing")
		}
		gauges = append(gauges, more...)
	}
	var families []*dto.MetricFamily
	if c.api.metrics != nil {
		var err error
		if families, err = c.api.metrics.Gather(); err != nil {
			return fmt.Errorf("gather metrics: %w", err)
		}
	}
	switch format := c.query.Get("format"); format {
	case "":
		return c.answer(metricsOf(gauges, families, c.api.now(), c.api.now().Sub(c.api.started)))
	case "prometheus":
		return c.send(string(expfmt.NewFormat(expfmt.TypeTextPlain)), func(w io.Writer) error {
			return writePrometheus(w, append(gaugeFamilies(gauges), families...))
		})
	default:
		return malformed("metrics format %q is not known; there are JSON, without ?format, and prometheus", format)
	}
}

// stateFigures counts what the store holds.
func stateFigures(s store.Snapshot) []api.Gauge {
	byStatus := func(k api.Kind, status string) int {
		return s.Count(store.Query{Kind: k, Index: store.ByStatus, Value: status})
	}
	figures := map[string]int{
		"nomad.nomad.job_status.pending":          byStatus(api.KindJobStatus, api.JobStatusPending),
		"nomad.nomad.job_status.running":          byStatus(api.KindJobStatus, api.JobStatusRunning),
		"nomad.nomad.job_status.dead":             byStatus(api.KindJobStatus, api.JobStatusDead),
		"nomad.nomad.blocked_evals.total_blocked": byStatus(api.KindEvaluation, api.EvalBlocked),
		"nomad.nomad.broker.total_pending":        byStatus(api.KindEvaluation, api.EvalPending),
		"nomad.nomad.heartbeat.active":            byStatus(api.KindNodeStatus, api.NodeReady),
		"drover.store.allocations":                s.Count(store.Query{Kind: api.KindAllocation}),
		"drover.store.evaluations":                s.Count(store.Query{Kind: api.KindEvaluation}),
		"drover.store.jobs":                       s.Count(store.Query{Kind: api.KindJob}),
		"drover.store.nodes":                      s.Count(store.Query{Kind: api.KindNode}),
	}
	var out []api.Gauge
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		out = append(out, figure(name, float64(figures[name])))
	}
	return append(out, figure("nomad.raft.appliedIndex", float64(s.Index())))
}

// runtimeFigures is what the Go runtime says of the process.
func runtimeFigures() []api.Gauge {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return []api.Gauge{
		figure("nomad.runtime.alloc_bytes", float64(m.Alloc)),
		figure("nomad.runtime.free_count", float64(m.Frees)),
		figure("nomad.runtime.heap_objects", float64(m.HeapObjects)),
		figure("nomad.runtime.malloc_count", float64(m.Mallocs)),
		figure("nomad.runtime.num_goroutines", float64(runtime.NumGoroutine())),
		figure("nomad.runtime.sys_bytes", float64(m.Sys)),
		figure("nomad.runtime.total_gc_pause_ns", float64(m.PauseTotalNs)),
		figure("nomad.runtime.total_gc_runs", float64(m.NumGC)),
	}
}

func figure(name string, value float64) api.Gauge {
	return api.Gauge{Name: name, Value: value, Labels: map[string]string{}}
}

// metricsOf puts figures and gathered metrics into the form of the answer. age is
// that of the process.
func metricsOf(gauges []api.Gauge, families []*dto.MetricFamily, now time.Time, age time.Duration) metricsAnswer {
	out := metricsAnswer{
		Timestamp:       now.UTC().Truncate(time.Second).String(),
		Gauges:          gauges,
		PrecisionGauges: []api.Gauge{},
		Points:          []api.Gauge{},
		Counters:        []sampledFigure{},
		Samples:         []sampledFigure{},
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			out.add(family.GetName(), m, age)
		}
	}
	return out
}

func (a *metricsAnswer) add(name string, m *dto.Metric, age time.Duration) {
	labels := map[string]string{}
	for _, pair := range m.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	rate := func(sum float64) float64 {
		if age <= 0 {
			return 0
		}
		return sum / age.Seconds()
	}
	switch {
	case m.Counter != nil:
		sum := finite(m.Counter.GetValue())
		a.Counters = append(a.Counters, sampledFigure{
			Name: name, Count: uint64(max(sum, 0)), Sum: sum, Rate: rate(sum), Mean: 1, Labels: labels,
		})
	case m.Histogram != nil:
		h := m.Histogram
		f := sampled(name, h.GetSampleCount(), finite(h.GetSampleSum()), labels)
		f.Rate = rate(f.Sum)
		f.Min, f.Max = bounds(h)
		a.Samples = append(a.Samples, f)
	case m.Summary != nil:
		f := sampled(name, m.Summary.GetSampleCount(), finite(m.Summary.GetSampleSum()), labels)
		f.Rate = rate(f.Sum)
		a.Samples = append(a.Samples, f)
	case m.Gauge != nil:
		a.Gauges = append(a.Gauges, api.Gauge{Name: name, Value: finite(m.Gauge.GetValue()), Labels: labels})
	case m.Untyped != nil:
		a.Gauges = append(a.Gauges, api.Gauge{Name: name, Value: finite(m.Untyped.GetValue()), Labels: labels})
	}
}

func sampled(name string, count uint64, sum float64, labels map[string]string) sampledFigure {
	f := sampledFigure{Name: name, Count: count, Sum: sum, Labels: labels}
	if count > 0 {
		f.Mean = sum / float64(count)
	}
	return f
}

// bounds returns the limits of the buckets that a histogram has samples in.
func bounds(h *dto.Histogram) (least, most float64) {
	before, below := uint64(0), 0.0
	first := true
	for _, b := range h.GetBucket() {
		if b.GetCumulativeCount() > before {
			if first {
				least, first = below, false
			}
			if !math.IsInf(b.GetUpperBound(), 0) {
				most = b.GetUpperBound()
			}
		}
		before, below = b.GetCumulativeCount(), b.GetUpperBound()
	}
	return least, most
}

// finite makes a value fit for JSON, which has neither infinity nor NaN.
func finite(v float64) float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	return v
}

// gaugeFamilies is figures as Prometheus names them, those of one name together.
func gaugeFamilies(gauges []api.Gauge) []*dto.MetricFamily {
	var out []*dto.MetricFamily
	byName := map[string]*dto.MetricFamily{}
	for _, g := range gauges {
		family := byName[g.Name]
		if family == nil {
			family = &dto.MetricFamily{Name: new(strings.ReplaceAll(g.Name, ".", "_")), Type: dto.MetricType_GAUGE.Enum()}
			byName[g.Name] = family
			out = append(out, family)
		}
		m := &dto.Metric{Gauge: &dto.Gauge{Value: &g.Value}}
		for _, label := range slices.Sorted(maps.Keys(g.Labels)) {
			m.Label = append(m.Label, &dto.LabelPair{Name: &label, Value: new(g.Labels[label])})
		}
		family.Metric = append(family.Metric, m)
	}
	return out
}

// NodeMetrics answers GET /v1/metrics on a machine that is only a node, with its figures
// and those of the process, which was started at a time.
func NodeMetrics(w http.ResponseWriter, r *http.Request, node []api.Gauge, started time.Time) error {
	gauges := append(node, runtimeFigures()...)
	switch format := r.URL.Query().Get("format"); format {
	case "":
		b, err := json.Marshal(metricsOf(gauges, nil, time.Now(), time.Since(started)))
		if err != nil {
			return fmt.Errorf("encode metrics: %w", err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, err = w.Write(b)
		return err
	case "prometheus":
		w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
		return writePrometheus(w, gaugeFamilies(gauges))
	default:
		http.Error(w, fmt.Sprintf("metrics format %q is not known; there are JSON, without ?format, and prometheus", format), http.StatusBadRequest)
		return nil
	}
}

func writePrometheus(w io.Writer, families []*dto.MetricFamily) error {
	encoder := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return fmt.Errorf("encode metrics: %w", err)
		}
	}
	return nil
}
