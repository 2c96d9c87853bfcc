package raft

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lni/dragonboat/v3"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/fsm"
)

const (
	// proposers is how many entries are on their way at once: one being synced,
	// one being applied, and one more to keep both busy.
	proposers = 3
	// maxGroup and maxGroupBytes bound what shares an entry. Beyond that sharing
	// gains nothing, and one entry should not hold up the others.
	maxGroup      = 512
	maxGroupBytes = 1 << 20
	// queueLen is how many transactions wait before Apply itself does.
	queueLen = 4096

	// minBackoff and maxBackoff bound the pauses before an entry that was not
	// accepted is proposed again.
	minBackoff = time.Millisecond
	maxBackoff = 50 * time.Millisecond
	// proposeTimeout is when Dragonboat gives up waiting for an entry that it has
	// accepted. What became of it is unknown then.
	proposeTimeout = time.Minute
	// resendAfter is when an entry is proposed again that a follower has sent to its
	// leader and heard nothing of: far longer than it takes unless the message got lost.
	resendAfter = time.Second
)

// request is a transaction that waits to be proposed, and then for its outcome.
type request struct {
	ctx      context.Context
	proposal *fsm.Proposal
	done     chan answer // holds one
}

type answer struct {
	index uint64
	err   error
}

// Apply implements store.Store.
func (s *Store) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	if err := ctx.Err(); err != nil {
		return store.Result{}, err
	}
	p, err := fsm.Encode(txn)
	if err != nil {
		return store.Result{}, err
	}
	if err := s.space.check(); err != nil {
		return store.Result{}, err
	}
	r := &request{ctx: ctx, proposal: p, done: make(chan answer, 1)}
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return store.Result{}, s.outcomeUnknown(ctx)
	case <-s.closing:
		return store.Result{}, store.ErrClosed
	}
	select {
	case a := <-r.done:
		return store.Result{Index: a.index}, a.err
	case <-ctx.Done():
		return store.Result{}, s.outcomeUnknown(ctx)
	case <-s.closed:
		return store.Result{}, store.ErrClosed
	}
}

// outcomeUnknown is the error of a caller that stopped waiting.
func (s *Store) outcomeUnknown(ctx context.Context) error {
	if s.Leader().ServerID == "" {
		return fmt.Errorf("apply: %w: %w: %w", store.ErrOutcomeUnknown, api.ErrNoLeader, context.Cause(ctx))
	}
	return fmt.Errorf("apply: %w: %w", store.ErrOutcomeUnknown, context.Cause(ctx))
}

// propose works off the queue until the store closes.
func (s *Store) propose() {
	var cmd []byte
	for {
		var group []*request
		select {
		case <-s.closing:
			return
		case r := <-s.queue:
			group = s.gather(r)
		}
		cmd = s.proposeGroup(group, cmd[:0])
		if cap(cmd) > 4*maxGroupBytes {
			cmd = nil // was a very large transaction
		}
	}
}

// gather takes what is in the queue already, for one entry.
func (s *Store) gather(first *request) []*request {
	group, bytes := []*request{first}, first.proposal.Size()
	for len(group) < maxGroup && bytes < maxGroupBytes {
		select {
		case r := <-s.queue:
			group = append(group, r)
			bytes += r.proposal.Size()
		default:
			return group
		}
	}
	return group
}

// proposeGroup proposes the transactions in one entry and gives out the answers. It
// returns the buffer in which it made the entry.
func (s *Store) proposeGroup(group []*request, cmd []byte) []byte {
	live := make([]*request, 0, len(group))
	proposals := make([]*fsm.Proposal, 0, len(group))
	for _, r := range group {
		if r.ctx.Err() == nil { // its caller has left otherwise
			live = append(live, r)
			proposals = append(proposals, r.proposal)
		}
	}
	if len(live) == 0 {
		return cmd
	}
	ctx := s.ctx
	if len(live) == 1 {
		ctx = live[0].ctx // alone, it need not be proposed once its caller has left
	}
	result, err := s.proposeEntry(ctx, func(h fsm.Header) []byte {
		s.local.add(h.Token, proposals)
		cmd = fsm.AppendGroup(cmd[:0], h, proposals...)
		return cmd
	})
	var outcomes []fsm.Outcome
	if err == nil {
		outcomes, err = fsm.Outcomes(result, proposals...)
	}
	for i, r := range live {
		a := answer{err: err}
		if err == nil {
			a.index = outcomes[i].Index
			if conflict := outcomes[i].Conflict; conflict != nil {
				a.err = conflict
			}
		}
		r.done <- a
	}
	return cmd
}

// proposeEntry puts an entry into the log, waits until it is applied here and returns
// its result. It proposes the entry again when the first one was not accepted, or may
// have been lost with a leader; its header sees to it that it has one effect.
func (s *Store) proposeEntry(ctx context.Context, entry func(fsm.Header) []byte) ([]byte, error) {
	a := &attempt{store: s, retry: s.newRetry(ctx)}
	for {
		h := fsm.Header{Token: s.local.token(), Base: s.machine.Applied()}
		result, err := a.run(entry(h))
		s.local.take(h.Token)
		switch {
		case err != nil && a.accepted > 0:
			return nil, fmt.Errorf("apply: %w: %w", store.ErrOutcomeUnknown, err)
		case err != nil:
			return nil, fmt.Errorf("apply: %w", err)
		case !fsm.Expired(result):
			return result, nil
		case a.accepted > 1:
			return nil, fmt.Errorf("apply: %w: %w", store.ErrOutcomeUnknown, api.ErrNoLeader)
		}
		// This replica is far behind, and the entry had no effect.
		a.accepted = 0
		if err := a.retry.wait(dragonboat.ErrClusterNotReady); err != nil {
			return nil, fmt.Errorf("apply: %w", err)
		}
	}
}

// attempt is the proposing of one entry.
type attempt struct {
	store    *Store
	retry    *retry
	accepted int // how often Dragonboat has taken the entry
}

func (a *attempt) run(cmd []byte) (result []byte, err error) {
	for {
		leader, changed := a.store.leadership.get()
		request, err := a.store.host.Propose(a.store.session, cmd, proposeTimeout)
		if err != nil {
			if err := a.retry.wait(err); err != nil {
				return nil, err
			}
			continue
		}
		a.accepted++
		var lost <-chan time.Time
		if !leader.IsSelf {
			t := time.NewTimer(resendAfter)
			defer t.Stop()
			lost = t.C
		}
		select {
		case r := <-request.ResultC():
			request.Release()
			switch {
			case r.Completed():
				return r.GetResult().Data, nil
			case r.Terminated():
				return nil, store.ErrClosed
			case !r.Dropped():
				return nil, context.DeadlineExceeded
			}
			a.accepted--
			if err := a.retry.wait(dragonboat.ErrClusterNotReady); err != nil {
				return nil, err
			}
		case <-changed: // the new leader may not have it
		case <-lost:
		}
	}
}

// retry paces attempts at something that Dragonboat did not accept.
type retry struct {
	s        *Store
	ctx      context.Context
	backoff  time.Duration
	noLeader *time.Timer
}

func (s *Store) newRetry(ctx context.Context) *retry {
	return &retry{s: s, ctx: ctx, backoff: minBackoff}
}

// wait returns after a pause if it makes sense to try again after err.
func (r *retry) wait(err error) error {
	switch {
	case errors.Is(err, dragonboat.ErrSystemBusy):
	case errors.Is(err, dragonboat.ErrClusterNotReady), errors.Is(err, dragonboat.ErrClusterNotInitialized):
		if r.noLeader == nil {
			r.noLeader = time.NewTimer(r.s.o.NoLeaderTimeout)
		}
		select {
		case <-r.noLeader.C:
			return api.ErrNoLeader
		default:
		}
	case errors.Is(err, dragonboat.ErrClosed), errors.Is(err, dragonboat.ErrClusterClosed), errors.Is(err, dragonboat.ErrClusterNotFound):
		return store.ErrClosed
	case errors.Is(err, dragonboat.ErrPayloadTooBig):
		return api.ErrTooLarge
	default:
		return err
	}
	pause := time.NewTimer(r.backoff)
	defer pause.Stop()
	r.backoff = min(2*r.backoff, maxBackoff)
	select {
	case <-pause.C:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	case <-r.s.closing:
		return store.ErrClosed
	}
}

// localProposals are those that this replica has proposed and waits for.
type localProposals struct {
	mu      sync.Mutex // guards what follows
	next    fsm.Token  // 8 random bytes, and a counter
	waiting map[fsm.Token][]*fsm.Proposal
}

func newLocalProposals() *localProposals {
	l := &localProposals{waiting: make(map[fsm.Token][]*fsm.Proposal)}
	_, _ = rand.Read(l.next[:8]) // it never fails
	return l
}

// token returns one that no other replica, nor this one in another life, has used.
func (l *localProposals) token() fsm.Token {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.next
	binary.BigEndian.PutUint64(l.next[8:], binary.BigEndian.Uint64(l.next[8:])+1)
	return t
}

func (l *localProposals) add(t fsm.Token, group []*fsm.Proposal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[t] = group
}

// take returns the proposals of an entry, the first time that it is called.
func (l *localProposals) take(t fsm.Token) []*fsm.Proposal {
	l.mu.Lock()
	defer l.mu.Unlock()
	group := l.waiting[t]
	delete(l.waiting, t)
	return group
}
