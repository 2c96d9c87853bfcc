package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// parts says which part of the server a function is of, by the beginning of its name.
// The innermost function of a stack that has a part decides.
var parts = []struct{ prefix, part string }{
	{"github.com/tinylib/msgp", "codec"},
	{"github.com/droverhq/drover/scheduler", "placement"},
	{"github.com/droverhq/drover/controllers/job", "job passes"},
	{"github.com/droverhq/drover/controllers", "other controllers"},
	{"github.com/droverhq/drover/reconcile", "other controllers"},
	{"github.com/cockroachdb/pebble/v2", "Pebble"},
	{"github.com/cockroachdb/pebble", "raft"}, // the one of Dragonboat's log
	{"github.com/lni/", "raft"},
	{"github.com/droverhq/drover/store/raft", "raft"},
	{"github.com/droverhq/drover/store/fsm", "Pebble"},
	{"github.com/droverhq/drover/store/keys", "Pebble"},
	{"github.com/droverhq/drover/store/table", "tables"},
	{"github.com/tidwall/btree", "tables"},
	{"github.com/droverhq/drover/session", "sessions"},
	{"github.com/droverhq/drover/server/sessions", "sessions"},
	{"github.com/hashicorp/yamux", "sessions"},
	{"github.com/droverhq/drover/server", "HTTP"},
	{"github.com/droverhq/drover/jobspec", "HTTP"},
	{"net/http", "HTTP"},
	{"encoding/json", "HTTP"},
}

// codecMethods are the ends of the names of generated functions.
var codecMethods = []string{").MarshalMsg", ").UnmarshalMsg", ").Msgsize"}

const (
	collection = "garbage collection"
	runtimeOwn = "Go runtime (goroutines, network polling)"
)

// partOf returns the part that a stack, innermost function first, is of.
func partOf(stack []string) string {
	for _, f := range stack {
		switch {
		case strings.HasPrefix(f, "runtime.gc"), strings.HasPrefix(f, "runtime.bgsweep"), strings.HasPrefix(f, "runtime.bgscavenge"):
			return collection
		}
	}
	for _, f := range stack {
		for _, method := range codecMethods {
			if strings.HasSuffix(f, method) {
				return "codec"
			}
		}
		for _, p := range parts {
			if strings.HasPrefix(f, p.prefix) {
				return p.part
			}
		}
	}
	return runtimeOwn
}

// bill is CPU time by part.
type bill map[string]time.Duration

func (b bill) add(p *profile.Profile) {
	value := len(p.SampleType) - 1 // CPU nanoseconds
	for _, s := range p.Sample {
		var stack []string
		for _, at := range s.Location {
			for _, line := range at.Line {
				stack = append(stack, line.Function.Name)
			}
		}
		b[partOf(stack)] += time.Duration(s.Value[value])
	}
}

func (b bill) print(w io.Writer) {
	names, total := make([]string, 0, len(b)), time.Duration(0)
	for name, d := range b {
		names = append(names, name)
		total += d
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Compare(b[y], b[x]) })
	fmt.Fprintf(w, "  CPU by part (%.1f s in samples):\n", total.Seconds())
	for _, name := range names {
		fmt.Fprintf(w, "    %-42s %7.1f s  %4.1f %%\n", name, b[name].Seconds(), 100*b[name].Seconds()/total.Seconds())
	}
}

// profiler has the server profiled, piece by piece, until it is stopped.
type profiler struct {
	stop chan struct{}
	done chan struct{}
	bill bill
	err  error
}

// profilePiece is how long each profile runs; the last one ends so much after the scene.
const profilePiece = 5 * time.Second

// profiled starts to profile. keep, if it is not empty, is the beginning of the names of
// files that the profiles are kept in.
func profiled(ctx context.Context, address, keep string) *profiler {
	p := &profiler{stop: make(chan struct{}), done: make(chan struct{}), bill: bill{}}
	go func() {
		defer close(p.done)
		for n := 0; ; n++ {
			select {
			case <-p.stop:
				return
			default:
			}
			if p.err = p.piece(ctx, address, keep, n); p.err != nil {
				return
			}
		}
	}()
	return p
}

func (p *profiler) piece(ctx context.Context, address, keep string, number int) error {
	url := fmt.Sprintf("%s/v1/agent/pprof/profile?seconds=%d", address, int(profilePiece.Seconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("profile the server: %s: %s", resp.Status, body)
	}
	parsed, err := profile.Parse(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("profile the server: %w", err)
	}
	p.bill.add(parsed)
	if keep == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(keep), 0o755); err != nil {
		return err
	}
	return os.WriteFile(fmt.Sprintf("%s-%03d.pprof", keep, number), body, 0o644)
}

// end stops the profiler and returns what it saw.
func (p *profiler) end() (bill, error) {
	close(p.stop)
	<-p.done
	if errors.Is(p.err, context.Canceled) {
		return p.bill, nil
	}
	return p.bill, p.err
}
