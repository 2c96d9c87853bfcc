package checks_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/checks"
)

// BenchmarkChecksThatWait holds 1,000 checks that wait for their turn.
func BenchmarkChecksThatWait(b *testing.B) {
	const many = 1000
	probe := func(context.Context, *checks.Spec) checks.Outcome { return checks.Outcome{OK: true} }
	r := checks.NewRunner(checks.Options{Probe: probe})
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	var passed sync.WaitGroup
	passed.Add(many)
	for i := range many {
		s := checks.Spec{ID: fmt.Sprint(i), Type: api.CheckHTTP, Interval: time.Hour, Timeout: time.Second}
		r.Set(s.ID, []checks.Spec{s}, func(checks.News) { passed.Done() })
	}
	passed.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	more := runtime.NumGoroutine() - goroutines
	for b.Loop() {
		r.Results("17")
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "B/check")
	b.ReportMetric(float64(more), "goroutines")
	cancel()
	running.Wait()
}

// BenchmarkTCPChecks makes checks of a port on the loopback.
func BenchmarkTCPChecks(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	})
	r := checks.NewRunner(checks.Options{})
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	spec := checks.Spec{Type: api.CheckTCP, Address: l.Addr().String(), Interval: time.Hour, Timeout: time.Minute}
	var passed sync.WaitGroup
	n := 0
	for b.Loop() {
		n++
		spec.ID = fmt.Sprint(n)
		passed.Add(1)
		r.Set(spec.ID, []checks.Spec{spec}, func(checks.News) { passed.Done() })
		passed.Wait()
	}
	cancel()
	running.Wait()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	accepting.Wait()
}
