package sessions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
	"github.com/droverhq/drover/store"
)

// nodeSession is one agent's connection. run owns its goroutines.
type nodeSession struct {
	hub        *Hub
	conn       *session.Conn
	nodeID     string
	sessionID  string
	outbox     *outbox
	recordedAt uint64 // ModifyIndex of the NodeSession that says it is connected
	graceful   atomic.Bool
}

func newNodeSession(h *Hub, conn *session.Conn, nodeID string) *nodeSession {
	id := h.epoch + "/" + strconv.FormatUint(h.last.Add(1), 10)
	return &nodeSession{hub: h, conn: conn, nodeID: nodeID, sessionID: id, outbox: newOutbox()}
}

func (s *nodeSession) close() { s.conn.Close() }

// run serves the session until it ends and says why it did.
func (s *nodeSession) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { cancel(s.send(ctx)) })
	others.Go(func() {
		if err := s.conn.ServeHTTP(ctx, &reads{nodeID: s.nodeID, store: s.hub.store, api: s.hub.api}); err != nil {
			cancel(err)
		}
	})
	err := s.receive(ctx)
	cancel(err)
	s.conn.Close()
	return context.Cause(ctx)
}

// send tells the agent what should run and what is stored, whenever there is news.
// Only it sends: if receive did, both sides could wait for each other to read.
func (s *nodeSession) send(ctx context.Context) error {
	p := &pusher{s: s, held: held{}}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.outbox.ready:
		}
		if err := p.push(ctx, s.outbox.take()); err != nil {
			s.conn.Close() // receive must notice
			return err
		}
	}
}

func (s *nodeSession) receive(ctx context.Context) error {
	for {
		f, err := s.conn.Recv(ctx)
		if err != nil {
			return err
		}
		switch {
		case f.Statuses != nil:
			err = s.takeStatuses(ctx, f.Statuses)
		case f.Facts != nil:
			err = s.takeFacts(ctx, f.Facts)
		case f.Goodbye != nil:
			s.graceful.Store(true)
			return errGoodbye
		default:
			err = errors.New("agent sent a frame that servers don't take")
		}
		if err != nil {
			return err
		}
	}
}

var errGoodbye = errors.New("agent said goodbye")

// holds is the condition that this still is the node's session. What an older one
// brings late must not replace what the agent has told a newer one, here or at
// another server.
func (s *nodeSession) holds() store.Condition {
	return store.Condition{Key: (&api.NodeSession{NodeID: s.nodeID}).Key(), ModifyIndex: s.recordedAt}
}

var errSuperseded = errors.New("the node has another session by now")

func (s *nodeSession) takeFacts(ctx context.Context, n *api.Node) error {
	if n.ID != s.nodeID {
		return fmt.Errorf("agent of node %s sent facts of %s", s.nodeID, n.ID)
	}
	for {
		snap := s.hub.store.Snapshot()
		known, ok := store.Get[*api.NodeSession](snap, s.holds().Key)
		if !ok || known.ModifyIndex != s.recordedAt {
			return errSuperseded
		}
		txn, err := addFacts(store.Txn{Conditions: []store.Condition{s.holds()}}, snap, n)
		if err != nil {
			return err
		}
		if len(txn.Writes) == 0 {
			return nil
		}
		if _, err = s.hub.apply(ctx, txn); err == nil {
			return nil
		}
		if !errors.Is(err, api.ErrConflict) {
			return fmt.Errorf("update facts: %w", err)
		}
	}
}

// takeStatuses commits a batch of statuses and acknowledges it. Statuses of
// allocations that are not on the node (any more) are passed over: they need no
// answer but the acknowledgement.
func (s *nodeSession) takeStatuses(ctx context.Context, b *session.StatusBatch) error {
	snap := s.hub.store.Snapshot()
	writes := make([]store.Write, 0, len(b.Statuses))
	for _, st := range b.Statuses {
		if st == nil || !s.accepts(snap, st) {
			continue
		}
		writes = append(writes, store.Give(st))
	}
	if len(writes) > 0 {
		_, err := s.hub.apply(ctx, store.Txn{Conditions: []store.Condition{s.holds()}, Writes: writes})
		if errors.Is(err, api.ErrConflict) {
			return errSuperseded
		}
		if err != nil {
			return fmt.Errorf("store %d statuses: %w", len(writes), err)
		}
	}
	s.outbox.ack(b.Seq)
	return nil
}

func (s *nodeSession) accepts(snap store.Snapshot, st *api.AllocationStatus) bool {
	if st.NodeID != s.nodeID || !assigned(snap, s.nodeID, st.ID) {
		return false
	}
	old, ok := store.Get[*api.AllocationStatus](snap, st.Key())
	// What has ended stays as it ended: an agent that lost its files can't know.
	return !ok || !old.Terminal() || old.ClientStatus == st.ClientStatus
}

// assigned reports whether an allocation is on a node, without reading it.
func assigned(snap store.Snapshot, node, id string) bool {
	from := store.Query{Kind: api.KindAllocation, Index: store.ByNode, Value: node, IDPrefix: id}
	behind := from
	behind.After = &api.Key{Kind: api.KindAllocation, ID: id}
	return snap.Count(from) > snap.Count(behind)
}

// recordLoss says in the store that the session has ended, unless the node has
// another one by now.
func (h *Hub) recordLoss(ctx context.Context, s *nodeSession) error {
	err := h.applySession(ctx, &api.NodeSession{
		NodeID: s.nodeID, ServerID: h.serverID, SessionID: s.sessionID,
		Graceful: s.graceful.Load(), Since: time.Now().UnixNano(),
	}, s.recordedAt)
	if errors.Is(err, api.ErrConflict) {
		return nil
	}
	return err
}
