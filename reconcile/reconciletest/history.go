package reconciletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// history is what was written to a store and when.
type history struct {
	mu      sync.Mutex // guards what is below
	entries []entry
	err     error
}

// entry is one change.
type entry struct {
	at time.Time
	store.Change
}

// record follows the store until the context is cancelled.
func (h *history) record(ctx context.Context, s store.Store) {
	feed := s.Watch(0)
	defer feed.Close()
	for {
		changes, _, err := feed.Next(ctx)
		h.mu.Lock()
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				h.err = err
			}
			h.mu.Unlock()
			return
		}
		for _, c := range changes {
			h.entries = append(h.entries, entry{time.Now(), c})
		}
		h.mu.Unlock()
	}
}

// take returns what was recorded since the last call.
func (h *history) take() ([]entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.entries
	h.entries = nil
	return out, h.err
}

// scribe writes history down for scripts: what became of each object at each moment.
// Controllers that run side by side may write in any order within a moment, so the
// moment is sorted, and IDs that were made at random are named by their place in it.
type scribe struct {
	notation
	names map[string]string // by random ID
	ids   map[string]string // by name
}

// net is what became of one object at one moment.
type net struct {
	at       time.Time
	key      api.Key
	old, new api.Object
}

// tell writes down the entries that skip does not hold back.
func (s *scribe) tell(entries []entry, skip func(entry) bool) string {
	var moments []net
	begin := 0
	for _, e := range entries {
		if skip(e) {
			continue
		}
		if begin < len(moments) && !moments[begin].at.Equal(e.at) {
			begin = len(moments)
		}
		i := slices.IndexFunc(moments[begin:], func(n net) bool { return n.key == e.Key })
		if i < 0 {
			moments = append(moments, net{at: e.at, key: e.Key, old: e.Old, new: e.New})
			continue
		}
		moments[begin+i].new = e.New
	}
	texts := make([]string, 0, len(moments))
	for _, n := range moments {
		if text := s.tellNet(n); text != "" {
			texts = append(texts, text)
		}
	}
	slices.SortStableFunc(texts, func(a, b string) int {
		whenA, _, _ := strings.Cut(a, "\n")
		whenB, _, _ := strings.Cut(b, "\n")
		whenA, _, _ = strings.Cut(whenA, " ")
		whenB, _, _ = strings.Cut(whenB, " ")
		if whenA != whenB {
			return 0 // moments are in order already
		}
		return strings.Compare(s.mask(a), s.mask(b))
	})
	return s.name(strings.Join(texts, ""))
}

// tellNet writes down what became of one object. Nothing, if it came and went.
func (s *scribe) tellNet(n net) string {
	var b strings.Builder
	head := func(verb string) {
		fmt.Fprintf(&b, "%s %s %s %s\n", s.offset(n.at), verb, n.key.Kind, keyText(n.key))
	}
	switch {
	case n.old == nil && n.new == nil:
	case n.new == nil:
		head("deleted")
	case n.old == nil:
		head("created")
		for _, f := range s.flatten(n.new) {
			fmt.Fprintf(&b, "  %s: %s\n", f.path, f.text)
		}
	default:
		changes := s.difference(n.old, n.new)
		if len(changes) == 0 && sameBytes(n.old, n.new) {
			changes = []string{"  (nothing: written as it was)"}
		}
		if len(changes) > 0 {
			head("changed")
			b.WriteString(strings.Join(changes, "\n") + "\n")
		}
	}
	return b.String()
}

func sameBytes(a, b api.Object) bool {
	x, errX := a.MarshalMsg(nil)
	y, errY := b.MarshalMsg(nil)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func (s *scribe) difference(from, to api.Object) []string {
	before := make(map[string]string)
	for _, f := range s.flatten(from) {
		before[f.path] = f.text
	}
	var out []string
	for _, f := range s.flatten(to) {
		was, ok := before[f.path]
		delete(before, f.path)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("  %s: %s", f.path, f.text))
		case was != f.text:
			out = append(out, fmt.Sprintf("  %s: %s (was %s)", f.path, f.text, was))
		}
	}
	for _, f := range s.flatten(from) {
		if _, gone := before[f.path]; gone {
			out = append(out, fmt.Sprintf("  %s: none (was %s)", f.path, f.text))
		}
	}
	return out
}

// show writes an object down.
func (s *scribe) show(o api.Object) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", o.Key().Kind, keyText(o.Key()))
	for _, f := range s.flatten(o) {
		fmt.Fprintf(&b, "  %s: %s\n", f.path, f.text)
	}
	return s.name(b.String())
}

func keyText(k api.Key) string {
	if k.Namespace == "" || k.Namespace == defaultNamespace {
		return k.ID
	}
	return k.Namespace + "/" + k.ID
}

var randomID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// mask hides random IDs that have no name yet.
func (s *scribe) mask(text string) string {
	return randomID.ReplaceAllStringFunc(text, func(id string) string {
		if name, ok := s.names[id]; ok {
			return name
		}
		return "id"
	})
}

// name gives random IDs names: id1, id2, …
func (s *scribe) name(text string) string {
	return randomID.ReplaceAllStringFunc(text, func(id string) string {
		name, ok := s.names[id]
		if !ok {
			name = fmt.Sprintf("id%d", len(s.names)+1)
			s.names[id], s.ids[name] = name, id
		}
		return name
	})
}

var namedID = regexp.MustCompile(`\bid[0-9]+\b`)

// resolve puts the IDs back for their names.
func (s *scribe) resolve(text string) string {
	return namedID.ReplaceAllStringFunc(text, func(name string) string {
		if id, ok := s.ids[name]; ok {
			return id
		}
		return name
	})
}
