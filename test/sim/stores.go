package sim

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

// userStore is the store as the HTTP API sees it.
type userStore struct {
	*mem.Store
	world *World
}

// Apply implements store.Store.
func (s userStore) Apply(_ context.Context, txn store.Txn) (store.Result, error) {
	return s.world.commit(s.world.asking, txn)
}

// unreachable nodes answer no requests of users.
type unreachable struct{}

// DialNode implements httpapi.NodeDialer.
func (unreachable) DialNode(_ context.Context, id string) (net.Conn, error) {
	return nil, fmt.Errorf("node %s has no session with this server: %w", id, api.ErrNotFound)
}

// leaderStore is the store as the controllers of a leader see it: between their reading
// and their writing others write, and their server may die.
type leaderStore struct {
	*mem.Store
	world  *World
	leader *leader
}

// hurt is what is to go wrong with the leader's transactions.
type hurt struct {
	how string // "": nothing
	in  int    // after how many transactions
}

// What goes wrong with a transaction of the leader.
const (
	hurtBefore = "before" // another server takes up leadership just before it
	hurtAfter  = "after"  // the server dies just after it, and its controllers never hear of it
	hurtRefuse = "refuse" // there is no leader for a moment
	hurtHalt   = "halt"   // somebody pauses or fails the rollouts just before it
	hurtForget = "forget" // somebody forgets the volumes that nobody uses just before it
	hurtUnsure = "unsure" // the leader does not learn whether it was applied: it was, or will be, or won't
)

var errHurt = errors.New("the simulation made this fail")

// maxDepth is how many passes may overlap.
const maxDepth = 3

// Apply implements store.Store.
func (s *leaderStore) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	w := s.world
	if s.leader.stepper == nil { // it takes up leadership
		return w.commit(s.leader.name, txn)
	}
	if w.depth < maxDepth && w.chance.IntN(12) == 0 {
		w.depth++
		w.one()
		w.depth--
	}
	how := ""
	if w.hurt.how != "" {
		if w.hurt.in--; w.hurt.in < 0 {
			how, w.hurt.how = w.hurt.how, ""
			w.note("the leader is hurt: %s", how)
		}
	}
	switch how {
	case hurtBefore:
		w.put("another server", &api.Leadership{ServerID: "server-0", Since: w.now.UnixNano()})
	case hurtHalt:
		w.haltRollouts()
	case hurtForget:
		w.forgetVolumes()
	case hurtRefuse:
		return store.Result{}, fmt.Errorf("%w: %w", errHurt, api.ErrNoLeader)
	}
	if ctx.Err() != nil {
		return store.Result{}, ctx.Err()
	}
	if how == hurtUnsure {
		return store.Result{}, s.unsure(txn)
	}
	result, err := w.commit(s.leader.name, txn)
	if err == nil && w.model.term != s.leader.term {
		w.breaks(fmt.Errorf(deposedWriteNothing+": %s wrote %v in term %d, it is term %d", s.leader.name, txn.Writes, s.leader.term, w.model.term))
	}
	switch {
	case err != nil:
	case how == hurtAfter:
		w.put("another server", &api.Leadership{ServerID: "server-0", Since: w.now.UnixNano()})
		return store.Result{}, fmt.Errorf("%w: %w", errHurt, context.Canceled)
	}
	return result, err
}

// haltRollouts pauses or fails the rollouts that go on.
func (w *World) haltRollouts() {
	order := [...]string{"pause", "fail"}[w.chance.IntN(2)]
	for _, j := range w.model.sortedJobs() {
		w.steer(Op{Args: []string{j.id, order}})
	}
}

// unsure applies a transaction now, or just before the next term begins, or never, and
// tells nobody.
func (s *leaderStore) unsure(txn store.Txn) error {
	w := s.world
	late := func() {
		if _, err := w.commit(s.leader.name, txn); err != nil && !errors.Is(err, api.ErrConflict) {
			w.breaks(err)
		}
	}
	switch w.chance.IntN(3) {
	case 0:
		late()
	case 1:
		w.late = late
	}
	return fmt.Errorf("%w: %w: %w", errHurt, store.ErrOutcomeUnknown, context.DeadlineExceeded)
}
