package reconcile

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Ownership says whether a controller shares the writing of a kind with other
// controllers.
type Ownership string

const (
	// Exclusive: no other controller writes the kind. (The HTTP API may: the manager
	// knows only controllers.)
	Exclusive Ownership = "exclusive"
	// Shared: other controllers write the kind too, other objects or other fields of
	// it. Their transactions need conditions.
	Shared Ownership = "shared"
	// Removes: the controller only deletes objects of the kind, when nothing refers to
	// them any more. That may stand beside an exclusive writer.
	Removes Ownership = "removes"
)

// collides reports whether two controllers can't both write a kind so.
func (o Ownership) collides(other Ownership) bool {
	if o == Removes || other == Removes {
		return false
	}
	return o == Exclusive || other == Exclusive
}

// ControllerOptions tune a controller. The zero value is right for most.
type ControllerOptions struct {
	// Concurrency is how many keys are worked on at once. Default 1.
	Concurrency int
	// Retry is how failed passes are made again.
	Retry RetryOptions
	// Priority is how many seconds of waiting a request is given on others: one of
	// priority 5 goes before those of priority 0 that became ready up to five
	// seconds earlier. So nothing starves. Nil: all are 0.
	Priority func(Request) int
	// Guard is held while mapping functions of the controller are called: those that
	// keep an index which passes use need not lock it themselves, for each of thousands
	// of changes. It is held for many changes at once, so a pass that holds it for long
	// delays the feed by that long, and not that long for every change. Nil: nothing is.
	Guard sync.Locker
}

// RetryOptions say how failed passes are made again. They bound retries only: a
// key whose objects change is looked at at once, or, after a pass that took milliseconds,
// when it has rested three times as long (at most 200 ms).
type RetryOptions struct {
	// BaseDelay comes after the first failure of a key and doubles with each further
	// one in a row, up to MaxDelay. Defaults 5 ms and 1 minute.
	BaseDelay, MaxDelay time.Duration
	// PerSecond and Burst bound the retries of all keys of the controller together.
	// Default 1000 each.
	PerSecond float64
	Burst     int
}

// Builder puts a controller together. Errors are kept until Complete.
type Builder struct {
	spec spec
	errs []error
}

// spec is a controller as it was declared.
type spec struct {
	name    string
	forKind api.Kind
	sources []source
	outputs map[api.Kind]Ownership
	options ControllerOptions
	build   func(Client) Reconciler
}

// source is a kind that wakes a controller.
type source struct {
	kind       api.Kind
	relation   Relation
	mapping    MapFunc
	predicates []Predicate
}

// passes reports whether all predicates pass a change.
func (s *source) passes(c store.Change) bool {
	for _, p := range s.predicates {
		if !p(c) {
			return false
		}
	}
	return true
}

// NewController starts the declaration of a controller. The name appears in logs
// and metrics: lower case, one word.
func NewController(name string) *Builder {
	b := &Builder{spec: spec{name: name, outputs: make(map[api.Kind]Ownership)}}
	if name == "" {
		b.errs = append(b.errs, errors.New("a controller needs a name"))
	}
	return b
}

// For says which kind the controller is for: its requests are keys of that kind.
// All of them are enqueued when this server gains leadership (and when the change feed
// fell behind). With predicates, only objects and changes that all of them pass.
// Exactly one For is needed.
func (b *Builder) For(kind api.Kind, predicates ...Predicate) *Builder {
	if b.spec.forKind != "" {
		b.errs = append(b.errs, fmt.Errorf("For is given twice: %s and %s", b.spec.forKind, kind))
	}
	b.spec.forKind = kind
	return b.source(source{kind, RelationFor, SameKey, predicates})
}

// Owns says that the controller makes objects of the kind, and wakes it for the
// keys that the mapping gives for a change of one.
func (b *Builder) Owns(kind api.Kind, mapping MapFunc, predicates ...Predicate) *Builder {
	return b.source(source{kind, RelationOwns, mapping, predicates})
}

// Watches wakes the controller for the keys that the mapping gives for a change of
// an object of the kind that passes all predicates.
func (b *Builder) Watches(kind api.Kind, mapping MapFunc, predicates ...Predicate) *Builder {
	return b.source(source{kind, RelationWatches, mapping, predicates})
}

// Lists adds to the keys that are enqueued when this server gains leadership: those
// that the mapping gives for the objects of another kind, or, with For(kind, None), of
// the same. It is for keys whose own object may be gone while something is still to be
// done for them, and for controllers that care for few keys of many. The mapping is
// called by another goroutine than those of Owns and Watches.
func (b *Builder) Lists(kind api.Kind, mapping MapFunc, predicates ...Predicate) *Builder {
	return b.source(source{kind, RelationLists, mapping, predicates})
}

func (b *Builder) source(s source) *Builder {
	if s.mapping == nil {
		b.errs = append(b.errs, fmt.Errorf("%s %s needs a mapping", s.relation, s.kind))
	}
	b.spec.sources = append(b.spec.sources, s)
	return b
}

// Writes declares an output: a kind that the controller writes. Exclusive is the
// default; a kind that two controllers write must be Shared for both.
func (b *Builder) Writes(kind api.Kind, ownership ...Ownership) *Builder {
	o := Exclusive
	switch {
	case len(ownership) > 1:
		b.errs = append(b.errs, fmt.Errorf("Writes %s: one ownership, not %d", kind, len(ownership)))
	case len(ownership) == 1:
		o = ownership[0]
	}
	if _, ok := b.spec.outputs[kind]; ok {
		b.errs = append(b.errs, fmt.Errorf("Writes %s is given twice", kind))
	}
	b.spec.outputs[kind] = o
	return b
}

// WithOptions tunes the controller.
func (b *Builder) WithOptions(o ControllerOptions) *Builder {
	b.spec.options = o
	return b
}

// Complete registers the controller with a manager that has not been started.
//
// The function makes the reconciler. It is called at the start of every term of
// leadership, so that whatever a reconciler remembers is of that term, and must
// have no effect besides. A reconciler that is an io.Closer is closed at the end of
// the term, after its last pass.
func (b *Builder) Complete(m *Manager, build func(Client) Reconciler) error {
	if b.spec.forKind == "" {
		b.errs = append(b.errs, errors.New("For is missing"))
	}
	if build == nil {
		b.errs = append(b.errs, errors.New("Complete needs a function that makes the reconciler"))
	}
	if err := errors.Join(b.errs...); err != nil {
		return fmt.Errorf("controller %q: %w", b.spec.name, err)
	}
	b.spec.build = build
	if err := m.register(b.spec); err != nil {
		return fmt.Errorf("controller %q: %w", b.spec.name, err)
	}
	return nil
}
