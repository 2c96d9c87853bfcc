package sim

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seedFlag    = flag.Uint64("sim.seed", 1, "seed of the first history")
	stepsFlag   = flag.Int("sim.steps", 100_000, "how many ops to make, in histories of sim.length")
	lengthFlag  = flag.Int("sim.length", 150, "ops of a history")
	forFlag     = flag.Duration("sim.for", 0, "go on for this long, instead of sim.steps")
	historyFlag = flag.String("sim.history", "", "a file with a history to replay")
)

// shortSteps is how many ops are made with -short.
const shortSteps = 5_000

func TestWhateverHappensTheInvariantsHold(t *testing.T) {
	steps := *stepsFlag
	if testing.Short() {
		steps = min(steps, shortSteps)
	}
	begin, done, seed := time.Now(), 0, *seedFlag
	more := func() bool {
		if *forFlag > 0 {
			return time.Since(begin) < *forFlag
		}
		return done < steps
	}
	for ; more(); seed++ {
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
	t.Logf("%d steps in %v, seeds %d to %d", done, time.Since(begin).Round(time.Millisecond), *seedFlag, seed-1)
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
	fmt.Fprintf(&b, "\n%v\n\nThe whole history again:\ngo test ./test/sim -run TestWhatever -sim.seed=%d -sim.length=%d -sim.steps=1\n", err, f.Seed, *lengthFlag)
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
