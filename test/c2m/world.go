package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/test/process"
)

// world is a server with its nodes, and the operator who watches it.
type world struct {
	options
	server *process.Agent
	crowd  *crowd
	client *client.Client
	placed int // instances that are to run for good
	began  time.Time
	watch  *operator // nil: nobody watches
	// peak is the most memory that all processes have had together, in bytes, as far as
	// it was looked.
	peak int64
}

// serverConfig has nodes given up soon, so that what is measured is the work and not the
// waiting, and garbage collected within the time of a scene.
const serverConfig = `
enable_debug = true
server {
  heartbeat_grace         = "2s"
  job_gc_interval         = "1m"
  job_gc_threshold        = "1m"
  eval_gc_threshold       = "1m"
  deployment_gc_threshold = "1m"
}
`

func newWorld(ctx context.Context, o options) (w *world, err error) {
	dir, err := os.MkdirTemp(o.dir, "drover-c2m-*")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "agent.hcl")
	if err := os.WriteFile(file, []byte(serverConfig), 0o600); err != nil {
		return nil, err
	}
	w = &world{options: o, began: time.Now()}
	if w.server, err = process.Start(process.Options{
		Bin: o.bin, Dir: dir, Env: []string{"GOMEMLIMIT=" + o.memory}, Args: []string{"-server", "-config", file},
	}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	transport := &http.Transport{MaxIdleConnsPerHost: senders, DialContext: (&net.Dialer{}).DialContext}
	if w.client, err = client.New(client.Config{Address: w.server.Client.Address(), HTTPClient: &http.Client{Transport: transport}}); err != nil {
		return nil, err
	}
	if w.crowd, err = gather(o, w.server.Sessions); err != nil {
		return nil, err
	}
	start := time.Now()
	err = w.until(ctx, "all nodes to be ready", func(h headcount) (bool, error) {
		if h.Connected < o.nodes {
			return false, nil
		}
		ready, err := w.gauges(ctx)
		return err == nil && int(ready["nomad.nomad.heartbeat.active"]) >= o.nodes, err
	})
	fmt.Printf("%d nodes in %d processes, ready after %.1f s\n", o.nodes, o.processes, time.Since(start).Seconds())
	return w, err
}

func (w *world) close() error {
	var err error
	if w.watch != nil {
		w.watch.leave()
	}
	if w.crowd != nil {
		err = w.crowd.disperse()
	}
	return errors.Join(err, w.server.Stop())
}

// perform plays a scene and prints what it cost.
func (w *world) perform(ctx context.Context, s scene) error {
	fmt.Printf("\n%s\n", s.name)
	// What was stored goes on to be compacted for a while.
	if _, err := w.quiet(ctx, 0.25); err != nil {
		return err
	}
	before, err := process.CPU(w.server.PID())
	if err != nil {
		return err
	}
	keep := ""
	if w.profiles != "" {
		keep = filepath.Join(w.profiles, s.name)
	}
	profiler := profiled(ctx, w.server.Client.Address(), keep)
	if w.watch != nil {
		w.watch.begin()
	}
	start := time.Now()
	played := s.play(ctx, w)
	took := time.Since(start)
	after, err := process.CPU(w.server.PID())
	if err != nil {
		return errors.Join(played, err)
	}
	fmt.Printf("  %s took %.1f s, %.1f CPU seconds of the server\n", s.name, took.Seconds(), (after - before).Seconds())
	bill, err := profiler.end()
	bill.print(os.Stdout)
	if w.watch != nil {
		w.watch.print(os.Stdout)
	}
	return errors.Join(played, err, w.memory(ctx), w.keepHeap(ctx, keep))
}

// keepHeap keeps a profile of the server's heap, if profiles are wanted.
func (w *world) keepHeap(ctx context.Context, keep string) error {
	if keep == "" {
		return nil
	}
	heap, err := w.ask(ctx, "/v1/agent/pprof/heap?gc=1")
	if err != nil {
		return err
	}
	return os.WriteFile(keep+"-heap.pprof", heap, 0o644)
}

// memory prints what the processes have in memory.
func (w *world) memory(ctx context.Context) error {
	g, err := w.gauges(ctx)
	if err != nil {
		return err
	}
	server, err := process.Memory(w.server.PID())
	if err != nil {
		return err
	}
	peak, err := process.PeakMemory(w.server.PID())
	if err != nil {
		return err
	}
	all, err := w.total()
	if err != nil {
		return err
	}
	fmt.Printf("  memory: server %s (at most %s; heap %s), all processes %s (at most %s)\n", bytesOf(server), bytesOf(peak),
		bytesOf(int64(g["nomad.runtime.alloc_bytes"])), bytesOf(all), bytesOf(w.peak))
	return nil
}

// total is what all processes have in memory, this one included.
func (w *world) total() (int64, error) {
	all := int64(0)
	for _, pid := range append(w.crowd.pids(), w.server.PID(), os.Getpid()) {
		n, err := process.Memory(pid)
		if err != nil {
			return 0, err
		}
		all += n
	}
	w.peak = max(w.peak, all)
	return all, nil
}

func bytesOf(n int64) string { return fmt.Sprintf("%.2f GB", float64(n)/1e9) }

const (
	patience = 30 * time.Minute
	look     = 50 * time.Millisecond
	// tell is how often is said how far things are.
	tell = 5 * time.Second
)

// until waits for a condition of the nodes and says now and then how far things are.
func (w *world) until(ctx context.Context, what string, holds func(headcount) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick, telling := time.NewTicker(look), time.NewTicker(tell)
	defer tick.Stop()
	defer telling.Stop()
	start, last := time.Now(), w.crowd.now()
	for {
		h := w.crowd.now()
		if ok, err := holds(h); ok || err != nil && ctx.Err() == nil && !starting(w.began) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s (%d connected, %d running, %d stored): %w", what, h.Connected, h.Running, h.Stored, ctx.Err())
		case <-telling.C:
			if err := w.tell(time.Since(start), h, last); err != nil {
				return err
			}
			last = h
		case <-tick.C:
		}
	}
}

// starting reports whether the server may not answer yet.
func starting(began time.Time) bool { return time.Since(began) < 10*time.Second }

func (w *world) tell(after time.Duration, h, last headcount) error {
	all, err := w.total()
	if err != nil {
		return err
	}
	server, err := process.Memory(w.server.PID())
	if err != nil {
		return err
	}
	rate := float64(h.Stored-last.Stored) / tell.Seconds()
	fmt.Printf("  %5.0f s  %5d nodes  %8d reported running  %8d stored (%+.0f /s)  server %s, all %s\n",
		after.Seconds(), h.Connected, h.Running, h.Stored, rate, bytesOf(server), bytesOf(all))
	return nil
}
