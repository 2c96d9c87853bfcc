package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers"
	"github.com/droverhq/drover/controllers/gc"
	"github.com/droverhq/drover/controllers/nodehealth"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/server/httpapi"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
	"github.com/droverhq/drover/store/table"
)

// begin is when every history begins.
var begin = time.Date(2026, 3, 28, 22, 0, 0, 0, time.UTC)

const (
	grace           = 10 * time.Second // that a node may be without a session
	trackedVersions = 4
	gcInterval      = 30 * time.Minute
	// feedChanges is how many changes the feed keeps: few, so that worlds are cheap.
	feedChanges = 4096
	// restless is how many things may happen at one moment: what does not come to rest
	// within so many never does.
	restless = 5_000
	// retryWithin is how long it takes until a pass is made again that failed or conflicted.
	retryWithin = 200 * time.Millisecond
)

// World is a cluster in one goroutine: a store, an HTTP API for users, the controllers
// of whichever server leads, and a fleet of nodes. What is to happen next is chosen
// one thing at a time by the seed of the op that goes on.
type World struct {
	now      time.Time
	chance   *rand.Rand // of the op that goes on
	ids      *rand.ChaCha8
	store    *mem.Store
	api      *httpapi.API
	model    *model
	fleet    *fleet
	leader   *leader
	terms    int
	hurt     hurt
	skew     bool      // some leader had a clock of its own
	depth    int       // of passes within passes
	heard    uint64    // the index up to which the controllers have heard of changes
	basis    uint64    // the same, when the pass that goes on began
	late     func()    // applies a transaction of which the leader has not learned whether it was; may be nil
	arriving bool      // that is happening
	asking   string    // who asks the HTTP API
	retries  time.Time // until then passes may wait to be made again
	broken   error
	journal  func(format string, args ...any) // nil: nobody listens
	verbs    map[string]verb
	more     []invariant  // besides those of everybody
	healed   bool         // tasks do what they are for
	wrote    []api.Object // that was put, since somebody began to look

	steps, skipped int
}

// leader is the server that leads, and its controllers.
type leader struct {
	world   *World
	name    string
	skew    time.Duration // how far its clock is ahead
	manager *reconcile.Manager
	stepper *reconcile.Stepper
	term    uint64 // index of its Leadership object
}

// Now implements reconcile.Clock.
func (l *leader) Now() time.Time { return l.world.now.Add(l.skew) }

// After implements reconcile.Clock: nobody waits, a stepper is told when it is time.
func (l *leader) After(time.Duration) <-chan time.Time { return nil }

// NewWorld returns a cluster without nodes and jobs.
func NewWorld(seed uint64) (*World, error) {
	w := &World{now: begin, asking: user, verbs: verbs(), chance: rand.New(rand.NewPCG(seed, 0))}
	var key [32]byte
	for n := range 8 {
		key[n] = byte(seed >> (8 * n))
	}
	w.ids = rand.NewChaCha8(key)
	uuid.SetRand(w.ids) // of the HTTP API, whose IDs must be the same again, too
	w.store = mem.New(mem.Options{ServerID: "server-1", Tables: table.Options{FeedChanges: feedChanges}})
	w.model = newModel(w)
	w.fleet = newFleet(w)
	w.api = httpapi.New(httpapi.Options{
		Store: userStore{w.store, w},
		Nodes: unreachable{},
		Agent: httpapi.Agent{Name: "server-1", Region: api.DefaultRegion, Version: "1.0.0", ServerID: "server-1"},
		Now:   func() time.Time { return w.now },
		GC:    w.gc(),
	})
	_, err := w.commit("servers", store.Txn{Writes: []store.Write{
		store.Put(&api.Namespace{Name: api.DefaultNamespace}),
		store.Put(&api.NodePool{Name: api.AllNodePool}),
		store.Put(&api.NodePool{Name: api.DefaultNodePool}),
	}})
	if err != nil {
		return nil, err
	}
	return w, w.lead(0)
}

// Close frees the store.
func (w *World) Close() error {
	var err error
	if w.leader != nil {
		err = w.leader.stepper.Close()
	}
	return errors.Join(err, w.store.Close())
}

func (w *World) gc() gc.Options {
	return gc.Options{Interval: gcInterval, TrackedVersions: trackedVersions, JobThreshold: deadThreshold}
}

// lead has another server take up leadership, with its own clock.
func (w *World) lead(skew time.Duration) error {
	if w.leader != nil {
		if err := w.leader.stepper.Close(); err != nil {
			return err
		}
	}
	w.arriveLate()
	w.terms++
	w.skew = w.skew || skew != 0
	l := &leader{world: w, name: fmt.Sprintf("server-%d", w.terms), skew: skew}
	m, err := reconcile.NewManager(reconcile.Options{Store: &leaderStore{w.store, w, l}, ServerID: l.name, Clock: l})
	if err != nil {
		return err
	}
	o := controllers.Options{GC: w.gc(), NodeHealth: nodehealth.Options{Grace: grace}}
	o.Job.NewID, o.Job.WholeBelow = w.newID, 1
	if err := controllers.Register(m, o); err != nil {
		return err
	}
	w.leader, l.manager = l, m
	return l.begin()
}

// arriveLate applies what is still on its way.
func (w *World) arriveLate() {
	if w.late != nil {
		w.arriving = true
		w.late()
		w.arriving, w.late = false, nil
	}
}

// again has the server lead on that led, in another term.
func (w *World) again() error {
	l := w.leader
	if err := l.stepper.Close(); err != nil {
		return err
	}
	w.arriveLate()
	l.stepper = nil
	return l.begin()
}

// begin begins a term.
func (l *leader) begin() error {
	w := l.world
	var err error
	if l.stepper, err = reconcile.NewStepper(context.Background(), l.manager); err != nil {
		return err
	}
	l.term = l.stepper.Term()
	w.heard = l.term
	w.note("%s leads", l.name)
	return nil
}

func (w *World) newID() string {
	id, err := uuid.NewRandomFromReader(w.ids)
	if err != nil {
		panic(err) // a ChaCha8 never fails
	}
	return id.String()
}

// note tells whoever listens what happened.
func (w *World) note(format string, args ...any) {
	if w.journal != nil {
		w.journal(format, args...)
	}
}

// breaks records that something does not hold. The first counts.
func (w *World) breaks(err error) {
	if err != nil && w.broken == nil {
		w.broken = err
		w.note("BROKEN: %v", err)
	}
}

// Do makes an op happen, and what follows from it, and returns what broke.
func (w *World) Do(o Op) error {
	w.steps++
	w.chance = rand.New(rand.NewPCG(o.Seed, 1))
	w.note("%s  %s", w.now.Sub(begin), o)
	v := w.verbs[o.Verb]
	if !v.do(w, o) {
		w.skipped++
		return w.broken
	}
	if v.hasty && w.chance.IntN(4) == 0 {
		w.hurry(w.chance.IntN(8)) // the next op comes before everything has followed
		return w.broken
	}
	w.settle()
	return w.broken
}

// settle has everything happen that can happen without time passing.
func (w *World) settle() {
	for n := 0; w.broken == nil; n++ {
		if !w.one() {
			if !w.now.Before(w.retries) {
				w.breaks(w.model.checkIdle())
			}
			return
		}
		if n == restless {
			w.breaks(fmt.Errorf(controllersRest+": after %d passes there is still something to do: %v", n, w.leader.stepper.Ready()))
		}
	}
}

// hurry has only so many things happen.
func (w *World) hurry(n int) {
	for range n {
		if w.broken != nil || !w.one() {
			return
		}
	}
}

// one has one thing happen that can happen now, whichever. It is false if there is
// none.
func (w *World) one() bool {
	if w.depth == 0 && w.leader.stepper.Err() != nil {
		if w.chance.IntN(2) == 0 {
			w.breaks(w.again())
		} else {
			w.breaks(w.lead(w.leader.skew))
		}
		return true
	}
	ready := w.leader.stepper.Ready()
	if w.leader.stepper.Err() != nil {
		ready = nil
	}
	behind := w.leader.stepper.Behind() && w.leader.stepper.Err() == nil
	deeds := w.fleet.ready()
	n := len(ready) + len(deeds)
	if behind {
		n++
	}
	if n == 0 {
		return false
	}
	switch k := w.chance.IntN(n); {
	case k < len(ready):
		if w.depth == 0 {
			w.basis = w.heard
		}
		req, err := w.leader.stepper.Step(ready[k])
		w.judge(ready[k], req, err)
	case k-len(ready) < len(deeds):
		deeds[k-len(ready)].do()
	default:
		w.heard = w.store.Snapshot().Index()
		if err := w.leader.stepper.Follow(); err != nil && !errors.Is(err, reconcile.ErrDeposed) {
			w.breaks(err)
		}
	}
	return true
}

// judge says whether the end of a pass is one that may be.
func (w *World) judge(controller int, req reconcile.Request, err error) {
	switch {
	case err == nil || errors.Is(err, reconcile.ErrDeposed) || errors.Is(err, context.Canceled):
	case errors.Is(err, api.ErrConflict) || errors.Is(err, errHurt):
		w.retries = w.now.Add(retryWithin)
	default:
		w.breaks(fmt.Errorf(controllersWork+": controller %d on %s: %w", controller, req, err))
	}
}

// advance lets time pass, and everything happen when it is due.
func (w *World) advance(d time.Duration) {
	end := w.now.Add(d)
	for w.settle(); w.broken == nil; w.settle() {
		next, ok := w.due()
		if !ok || next.After(end) {
			break
		}
		w.now = later(w.now, next)
	}
	w.now = end
	w.settle()
}

// due returns when something happens next if only time passes.
func (w *World) due() (time.Time, bool) {
	at, ok := w.leader.stepper.Due()
	at = at.Add(-w.leader.skew)
	if timer, set := w.fleet.due(); set && (!ok || timer.Before(at)) {
		return timer, true
	}
	return at, ok
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// commit applies a transaction of somebody, and checks what must hold after each.
func (w *World) commit(who string, txn store.Txn) (store.Result, error) {
	before := w.store.Snapshot()
	result, err := w.store.Apply(context.Background(), txn)
	if err != nil {
		return result, err
	}
	for _, write := range txn.Writes {
		if write.Put != nil && write.Put.Key().Kind != api.KindLeadership {
			w.wrote = append(w.wrote, write.Put)
		}
	}
	w.breaks(w.model.apply(who, txn, before, w.store.Snapshot()))
	return result, nil
}

// put writes objects that nobody else writes.
func (w *World) put(who string, objects ...api.Object) {
	var txn store.Txn
	for _, o := range objects {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	if _, err := w.commit(who, txn); err != nil {
		w.breaks(err)
	}
}

// raced reports whether a node has changed since the controllers last heard of changes,
// when the pass that goes on began: what they place meanwhile they place by what they
// know.
func (w *World) raced(n *nodeView) bool {
	return n.status != nil && n.status.ModifyIndex > w.basis || n.intent != nil && n.intent.ModifyIndex > w.basis
}

// skewed reports whether the clock of the leader is not that of all others.
func (w *World) skewed() bool { return w.skew }
