package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/nodeagent/driver"
)

// log is what an engine keeps of a container.
type log []message

// draw makes lines of two streams. Times of one stream only grow; those of two are in
// order but for a little.
func drawLog(t *rapid.T) log {
	var out log
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	for i := range rapid.IntRange(1, 40).Draw(t, "messages") {
		now += rapid.SampledFrom([]int64{0, 0, 1, 1000, int64(time.Second), int64(time.Minute)}).Draw(t, "later")
		m := message{stream: rapid.IntRange(0, 1).Draw(t, "stream"), at: now, data: fmt.Appendf(nil, "line %d\n", i)}
		out = append(out, m)
		if rapid.IntRange(0, 9).Draw(t, "long") == 0 { // a line in pieces, the last of them whole
			first := m
			first.data = []byte(strings.Repeat("x", 50))
			out[len(out)-1] = first
			if rapid.Bool().Draw(t, "other") {
				out = append(out, message{stream: 1 - m.stream, at: now + 1, data: fmt.Appendf(nil, "other %d\n", i)})
			}
			out = append(out, m)
			now++
		}
	}
	return out
}

// since returns what the engine tells from a moment on.
func (l log) since(t *rapid.T, text string) log {
	if text == "" {
		return l
	}
	var seconds, nanos int64
	if _, err := fmt.Sscanf(text, "%d.%d", &seconds, &nanos); err != nil {
		t.Fatal(err)
	}
	from := seconds*int64(time.Second) + nanos
	return slices.DeleteFunc(slices.Clone(l), func(m message) bool { return m.at < from })
}

func TestOutputIsTakenOnceWhateverMomentAnAgentDies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "drover-logs-")
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}()
		task := taskRecord{
			Stdout: driver.LogFile{Dir: dir, Prefix: "t.stdout", MaxFiles: 1000, MaxBytes: 40},
			Stderr: driver.LogFile{Dir: dir, Prefix: "t.stderr", MaxFiles: 1000, MaxBytes: 1 << 20},
		}
		all := drawLog(t)
		for have := 0; have < len(all); {
			s, err := openSink(dir, task)
			if err != nil {
				t.Fatal(err)
			}
			have = rapid.IntRange(have, len(all)).Draw(t, "have") // the engine has so much by now
			told := all[:have].since(t, s.begin())
			dies := rapid.IntRange(0, len(told)).Draw(t, "dies")
			for i, m := range told[:dies] {
				// Not each is the last that is known of, and one that dies may not come to note it.
				if err := s.take(m, i < dies-1 && rapid.Bool().Draw(t, "idle")); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.closeAll(); err != nil {
				t.Fatal(err)
			}
			if dies < len(told) {
				have = 0 // it has to be told again
			}
		}
		last, err := openSink(dir, task)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all.since(t, last.begin()) {
			if err := last.take(m, true); err != nil {
				t.Fatal(err)
			}
		}
		if err := last.closeAll(); err != nil {
			t.Fatal(err)
		}
		for stream, f := range []driver.LogFile{task.Stdout, task.Stderr} {
			var want strings.Builder
			for _, m := range all {
				if m.stream == stream {
					want.Write(m.data)
				}
			}
			if got := readAll(t, f); got != want.String() {
				t.Fatalf("%s has\n%q, want\n%q", f.Prefix, got, want.String())
			}
		}
	})
}

func readAll(t *rapid.T, f driver.LogFile) string {
	var text strings.Builder
	for i := 0; ; i++ {
		b, err := os.ReadFile(filepath.Join(f.Dir, fmt.Sprintf("%s.%d", f.Prefix, i)))
		if os.IsNotExist(err) {
			return text.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
}
