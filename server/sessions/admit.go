package sessions

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
	"github.com/droverhq/drover/store"
)

// helloTimeout bounds how long a connection may take to say who it is.
const helloTimeout = 10 * time.Second

// admit reads the agent's hello, registers its node and answers it. The session is
// in the hub when it returns without error. A refusal has been told to the agent.
func (h *Hub) admit(ctx context.Context, conn *session.Conn) (*nodeSession, error) {
	helloCtx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	f, err := conn.Recv(helloCtx)
	if err != nil {
		return nil, fmt.Errorf("wait for hello: %w", err)
	}
	if err := checkHello(f.Hello); err != nil {
		return nil, refuse(ctx, conn, err, false)
	}
	s := newNodeSession(h, conn, f.Hello.Node.ID)
	h.open(s)
	defer h.opened(s)
	if err := h.register(ctx, s, f.Hello.Node); err != nil {
		return nil, refuse(ctx, conn, err, !errors.Is(err, api.ErrDenied))
	}
	h.enter(s)
	err = conn.Send(ctx, &session.Frame{Welcome: &session.Welcome{
		ServerID: h.serverID, SessionID: s.sessionID, Servers: h.servers(), Timeout: h.timeout,
	}})
	if err != nil {
		h.leave(s)
		return nil, errors.Join(err, h.recordLoss(ctx, s))
	}
	return s, nil
}

func checkHello(hello *session.Hello) error {
	switch {
	case hello == nil:
		return errors.New("the first frame of a session must be a hello")
	case hello.Version < session.Version-1 || hello.Version > session.Version:
		return fmt.Errorf("session protocol version %d is not supported, this server speaks %d: upgrade the older of the two",
			hello.Version, session.Version)
	case hello.Node == nil || hello.Node.SecretID == "":
		return errors.New("hello without a node and its secret")
	}
	if err := uuid.Validate(hello.Node.ID); err != nil {
		return fmt.Errorf("node ID %q: %w", hello.Node.ID, err)
	}
	return nil
}

// refuse tells the agent why its session can't be, and waits until it hangs up: a
// connection that is closed at once may take what was just said with it, and an agent
// that does not know that it is refused for good comes back at once.
func refuse(ctx context.Context, conn *session.Conn, why error, retry bool) error {
	err := conn.Send(ctx, &session.Frame{Refused: &session.Refused{Reason: why.Error(), Retry: retry}})
	if err != nil {
		return errors.Join(why, err)
	}
	patience := time.NewTimer(helloTimeout)
	defer patience.Stop()
	select {
	case <-conn.Done():
	case <-ctx.Done():
	case <-patience.C:
	}
	return why
}

// register writes the node's facts, if they are new, and its session.
func (h *Hub) register(ctx context.Context, s *nodeSession, n *api.Node) error {
	if err := h.store.Sync(ctx); err != nil {
		return fmt.Errorf("register node %s: %w", n.ID, err)
	}
	for {
		txn, err := h.registration(s, n)
		if err != nil {
			return err
		}
		res, err := h.apply(ctx, txn)
		if err == nil {
			s.recordedAt = res.Index
			return nil
		}
		if !errors.Is(err, api.ErrConflict) {
			return fmt.Errorf("register node %s: %w", n.ID, err)
		}
	}
}

func (h *Hub) registration(s *nodeSession, n *api.Node) (store.Txn, error) {
	snap := h.store.Snapshot()
	put := &api.NodeSession{
		NodeID: n.ID, ServerID: h.serverID, SessionID: s.sessionID,
		Connected: true, Since: time.Now().UnixNano(),
	}
	var modified uint64
	if old, ok := store.Get[*api.NodeSession](snap, put.Key()); ok {
		modified = old.ModifyIndex
	}
	txn := store.Txn{
		Conditions: []store.Condition{{Key: put.Key(), ModifyIndex: modified}},
		Writes:     []store.Write{{Put: put}},
	}
	if intent, ok := store.Get[*api.NodeIntent](snap, (&api.NodeIntent{NodeID: n.ID}).Key()); ok {
		txn.Conditions = append(txn.Conditions, store.Unchanged(intent))
		if next := intent.Returned(time.Now()); next != intent {
			txn.Writes = append(txn.Writes, store.Put(next))
		}
	}
	return addFacts(txn, snap, n)
}

// addPool adds the write of a node's pool, if there is none of that name, or if it is
// being deleted: a pool is there as soon as a node is in it.
func addPool(txn store.Txn, snap store.Snapshot, name string) store.Txn {
	if name == "" {
		name = api.DefaultNodePool
	}
	pool := &api.NodePool{Name: name, NodeIdentityTTL: api.DefaultNodeIdentityTTL}
	had, ok := store.Get[*api.NodePool](snap, pool.Key())
	switch {
	case ok && !had.Deleting:
		txn.Conditions = append(txn.Conditions, store.Unchanged(had))
		return txn
	case ok:
		kept := *had
		kept.Deleting, pool = false, &kept
		txn.Conditions = append(txn.Conditions, store.Unchanged(had))
	case pool.IsBuiltin():
		return txn // the leader is about to write it
	default:
		pool.SetHash()
		txn.Conditions = append(txn.Conditions, store.Absent(pool.Key()))
	}
	txn.Writes = append(txn.Writes, store.Put(pool))
	return txn
}

// addFacts adds the write of a node's facts, unless the store has the same.
// Errors: api.ErrDenied if the node is known with another secret.
func addFacts(txn store.Txn, snap store.Snapshot, n *api.Node) (store.Txn, error) {
	old, ok := store.Get[*api.Node](snap, n.Key())
	if !ok {
		txn.Conditions = append(txn.Conditions, store.Condition{Key: n.Key()})
		txn.Writes = append(txn.Writes, store.Write{Put: n})
		return addPool(txn, snap, n.NodePool), nil
	}
	if subtle.ConstantTimeCompare([]byte(old.SecretID), []byte(n.SecretID)) != 1 {
		return txn, fmt.Errorf("node %s is registered with another secret; if its data was restored or cloned, remove client/node-id from its data_dir: %w",
			n.ID, api.ErrDenied)
	}
	same, err := sameFacts(old, n)
	if err != nil || same {
		return txn, err
	}
	txn.Conditions = append(txn.Conditions, store.Condition{Key: n.Key(), ModifyIndex: old.ModifyIndex})
	txn.Writes = append(txn.Writes, store.Write{Put: n})
	return addPool(txn, snap, n.NodePool), nil
}

// sameFacts compares by JSON, in which maps have an order.
func sameFacts(a, b *api.Node) (bool, error) {
	x, y := *a, *b
	x.ObjectMeta, y.ObjectMeta = api.ObjectMeta{}, api.ObjectMeta{}
	xs, err := json.Marshal(&x)
	if err != nil {
		return false, fmt.Errorf("compare facts of node %s: %w", a.ID, err)
	}
	ys, err := json.Marshal(&y)
	if err != nil {
		return false, fmt.Errorf("compare facts of node %s: %w", b.ID, err)
	}
	return bytes.Equal(xs, ys), nil
}
