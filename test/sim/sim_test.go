package sim

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seedFlag    = flag.Uint64("sim.seed", 1, "seed of the first history")
	stepsFlag   = flag.Int("sim.steps", 20_000, "how many ops to make, in histories of sim.length")
	lengthFlag  = flag.Int("sim.length", 150, "ops of a history")
	strideFlag  = flag.Uint64("sim.stride", 1, "with more than 1: only every so many-th seed, in this process")
	forFlag     = flag.Duration("sim.for", 0, "go on for this long, instead of sim.steps")
	historyFlag = flag.String("sim.history", "", "a file with a history to replay")
)

// shortSteps is how many ops are made with -short.
const shortSteps = 5_000

func TestWhateverHappensTheInvariantsHold(t *testing.T) {
	if *strideFlag > 1 {
		play(t, *seedFlag, *strideFlag)
		return
	}
	// The HTTP API takes its IDs from a source that a process has one of: histories that
	// happen side by side need processes of their own.
	processes := max(2, min(runtime.NumCPU(), 4))
	var running sync.WaitGroup
	for n := range processes {
		running.Go(func() {
			out, err := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=0",
				fmt.Sprintf("-test.short=%t", testing.Short()), fmt.Sprintf("-sim.seed=%d", *seedFlag+uint64(n)), fmt.Sprintf("-sim.stride=%d", processes),
				fmt.Sprintf("-sim.steps=%d", *stepsFlag), fmt.Sprintf("-sim.length=%d", *lengthFlag), fmt.Sprintf("-sim.for=%v", *forFlag)).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
				return
			}
			t.Logf("%s", out)
		})
	}
	running.Wait()
}

// play makes the histories of a seed and of every stride-th after it, as many as are this
// process's share.
func play(t *testing.T, seed, stride uint64) {
	t.Helper()
	steps := *stepsFlag
	if testing.Short() {
		steps = min(steps, shortSteps)
	}
	begin, done := time.Now(), 0
	more := func() bool {
		if *forFlag > 0 {
			return time.Since(begin) < *forFlag
		}
		return done < steps/int(stride)+1
	}
	for ; more(); seed += stride {
		history := append(Generate(seed, *lengthFlag), Op{Verb: "end"})
		err := Play(seed, history, nil)
		done += len(history)
		var f *Failure
		switch {
		case errors.As(err, &f):
			t.Fatal(report(f))
		case err != nil:
			t.Fatal(err)
		}
	}
	t.Logf("%d steps in %v, to seed %d", done, time.Since(begin).Round(time.Millisecond), seed)
}

// report shrinks a failure and tells how it came to it, and how to see it again.
func report(f *Failure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s does not hold in the history of seed %d, %v\n\n", f.Invariant(), f.Seed, f)
	small := Shrink(f)
	fmt.Fprintf(&b, "The shortest history found in which it breaks (put it into a file, and replay it with\n")
	fmt.Fprintf(&b, "go test ./test/sim -run TestReplay -v -sim.history=FILE):\n\n")
	fmt.Fprintf(&b, "# world %d\n", small.Seed)
	for _, o := range small.History {
		fmt.Fprintln(&b, o)
	}
	b.WriteString("\nWhat happened in it:\n\n")
	err := Play(small.Seed, small.History, func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) })
	fmt.Fprintf(&b, "\n%v\n\nThe whole history again:\ngo test ./test/sim -run TestWhatever -sim.seed=%d -sim.length=%d -sim.steps=1 -sim.stride=2\n", err, f.Seed, *lengthFlag)
	return b.String()
}

// replay plays the history in a file.
func replay(t *testing.T, path string, tell func(string, ...any)) error {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	history, err := ParseHistory(string(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var world uint64
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "# world %d", &world); err == nil {
			break
		}
	}
	return Play(world, history, tell)
}

func TestReplay(t *testing.T) {
	if *historyFlag == "" {
		return
	}
	err := replay(t, *historyFlag, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	if err != nil {
		t.Fatal(err)
	}
}

// Histories that once broke something.
func TestHistoriesThatOnceBrokeSomethingHold(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			if err := replay(t, path, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSameHistoryHappensTheSameWay(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		history := append(Generate(seed, 80), Op{Verb: "rest"})
		var stories [2][]string
		for n := range stories {
			err := Play(seed, history, func(format string, args ...any) { stories[n] = append(stories[n], fmt.Sprintf(format, args...)) })
			var f *Failure
			if err != nil && !errors.As(err, &f) {
				t.Fatal(err)
			}
		}
		if slices.Equal(stories[0], stories[1]) {
			continue
		}
		for n, line := range stories[0] {
			if n >= len(stories[1]) || stories[1][n] != line {
				t.Fatalf("seed %d: line %d was\n%s\nand is\n%s", seed, n, line, stories[1][min(n, len(stories[1])-1)])
			}
		}
	}
}

// A bug is planted: once a service was stopped, no node may lose its session. Of 200 ops a few are
// enough to show it.
func TestShrinkingFindsTheFewOpsThatMatter(t *testing.T) {
	planted := invariant{name: "planted", txn: func(m *model, changes []change) error {
		for _, c := range changes {
			s, ok := c.new.(*api.NodeSession)
			if j := m.job("s1"); ok && !s.Connected && j != nil && j.Stopped() {
				return errors.New("a node lost its session after s1 was stopped")
			}
		}
		return nil
	}}
	for seed := uint64(1); seed < 100; seed++ {
		var f *Failure
		if !errors.As(Play(seed, Generate(seed, 200), nil, planted), &f) || f.Invariant() != planted.name {
			continue
		}
		small := Shrink(f)
		var verbs []string
		for _, o := range small.History {
			verbs = append(verbs, o.Verb)
		}
		last := verbs[len(verbs)-1] // crash, disconnect or leave
		rest := slices.Sorted(slices.Values(verbs[:len(verbs)-1]))
		if want := []string{"apply", "node", "stop"}; !slices.Equal(rest, want) || slices.Contains(want, last) {
			t.Errorf("seed %d: %d ops were shrunk to %v, want %v and the loss", seed, len(f.History), small.History, want)
		}
		again, err := ParseHistory(fmt.Sprintln(strings.Join(lines(small.History), "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if !errors.As(Play(small.Seed, again, nil, planted), &f) || f.Invariant() != planted.name {
			t.Errorf("what was printed does not break it again: %v", f)
		}
		return
	}
	t.Fatal("no history came upon it")
}

func lines(history []Op) []string {
	var out []string
	for _, o := range history {
		out = append(out, o.String())
	}
	return out
}
