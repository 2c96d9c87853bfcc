package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Failure is a history by which something does not hold.
type Failure struct {
	Seed    uint64 // of the world
	History []Op   // up to the op at which it broke
	Err     error
	more    []invariant
}

// Invariant returns the name of the first invariant that broke.
func (f *Failure) Invariant() string {
	name, _, _ := strings.Cut(f.Err.Error(), ":")
	return name
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("after %d ops: %v", len(f.History), f.Err)
}

// Play makes a history happen in a new world. The error is a *Failure if something did
// not hold. tell, which may be nil, hears all that happens.
func Play(seed uint64, history []Op, tell func(format string, args ...any), more ...invariant) (err error) {
	w, err := NewWorld(seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.journal, w.more = tell, more
	for n, o := range history {
		if broken := w.Do(o); broken != nil {
			return &Failure{seed, history[:n+1], broken, more}
		}
	}
	return nil
}

// maxShrink bounds how long a history is shrunk.
const maxShrink = 30 * time.Second

// Shrink returns a failure of the same invariant by a history that is as simple as can be
// found: with fewer ops, shorter times, and plainer jobs.
func Shrink(f *Failure) *Failure {
	s := shrinker{best: f, until: time.Now().Add(maxShrink)}
	for before := -1; before != s.size() && time.Now().Before(s.until); {
		before = s.size()
		s.dropOps()
		s.simplifyOps()
	}
	return s.best
}

type shrinker struct {
	best  *Failure
	until time.Time
}

// size is what shrinking makes smaller.
func (s *shrinker) size() int {
	n := 0
	for _, o := range s.best.History {
		n += len(o.String()) + 10
	}
	return n
}

// try plays a history, and keeps it if the same breaks by it.
func (s *shrinker) try(history []Op) bool {
	if time.Now().After(s.until) {
		return false
	}
	var f *Failure
	if !errors.As(Play(s.best.Seed, history, nil, s.best.more...), &f) || f.Invariant() != s.best.Invariant() {
		return false
	}
	s.best = f
	return true
}

// dropOps takes out ops: half of them, a quarter, … one.
func (s *shrinker) dropOps() {
	for size := len(s.best.History) / 2; size > 0; size /= 2 {
		for from := 0; from < len(s.best.History); {
			to := min(from+size, len(s.best.History))
			if !s.try(slices.Concat(s.best.History[:from], s.best.History[to:])) {
				from = to
			}
		}
	}
}

// simplifyOps makes single ops plainer.
func (s *shrinker) simplifyOps() {
	for n := 0; n < len(s.best.History); n++ {
		for _, plainer := range plainer(s.best.History[n]) {
			if n >= len(s.best.History) {
				break
			}
			history := slices.Clone(s.best.History)
			history[n] = plainer
			s.try(history)
		}
	}
}

// plainer returns ops that are simpler than one.
func plainer(o Op) []Op {
	var out []Op
	if o.Verb == "advance" {
		for _, d := range []string{"1s", "10s", "30s", "1m"} {
			if d == o.target() {
				break
			}
			out = append(out, Op{o.Verb, []string{d}, o.Seed})
		}
	}
	for n := len(o.Args) - 1; n > 0; n-- {
		out = append(out, Op{o.Verb, slices.Delete(slices.Clone(o.Args), n, n+1), o.Seed})
	}
	for n, a := range o.Args {
		if key, value, ok := strings.Cut(a, "="); ok && (key == "count" || key == "completions") && value > "1" {
			fewer := slices.Clone(o.Args)
			fewer[n] = fmt.Sprintf("%s=%c", key, value[0]-1)
			out = append(out, Op{o.Verb, fewer, o.Seed})
		}
	}
	if o.Seed > 9 {
		for seed := range uint64(3) {
			out = append(out, Op{o.Verb, o.Args, seed})
		}
	}
	return out
}
