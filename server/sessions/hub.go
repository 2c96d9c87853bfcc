package sessions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
	"github.com/droverhq/drover/store"
)

// acceptPause keeps a server that has no room for a connection from trying for one
// without end.
const acceptPause = time.Second

// Options is what a Hub needs; all fields up to Log are required.
type Options struct {
	Store    store.Store
	ServerID string
	Log      logr.Logger
	// Servers returns the session addresses of all servers, for agents to turn to
	// when this one is gone. May be nil.
	Servers func() []string
	// API answers what agents ask of the cluster, on behalf of their tasks. May be nil.
	API http.Handler
	// Timeout is how long an agent may be silent before its session ends. Default:
	// session.DefaultTimeout.
	Timeout time.Duration
}

// Hub is the sessions that a server holds. Its methods may be called concurrently.
type Hub struct {
	store    store.Store
	serverID string
	log      logr.Logger
	servers  func() []string
	timeout  time.Duration
	api      http.Handler
	// epoch begins the ID of every session of this process, so that those of an
	// earlier one can be told from them.
	epoch string
	last  atomic.Uint64 // number of the newest session

	mu       sync.Mutex              // guards the rest
	sessions map[string]*nodeSession // by node
	opening  map[string]bool         // by session ID
}

// New returns a hub without sessions; Serve gives it some.
func New(o Options) *Hub {
	if o.Servers == nil {
		o.Servers = func() []string { return nil }
	}
	return &Hub{
		store: o.Store, serverID: o.ServerID, log: o.Log, servers: o.Servers,
		timeout:  cmp.Or(o.Timeout, session.DefaultTimeout),
		api:      o.API,
		epoch:    uuid.NewString(),
		sessions: map[string]*nodeSession{},
		opening:  map[string]bool{},
	}
}

// Serve accepts sessions on the listener until ctx is cancelled; then it closes
// them all and returns nil. Nodes are not reported lost then: their agents go on to
// another server, or come back.
func (h *Hub) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()

	running.Go(func() { h.dispatch(ctx) })
	running.Go(func() { h.endStale(ctx) })
	for {
		raw, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept node sessions: %w", err)
		}
		if err != nil { // no file descriptors left, say: that passes
			h.log.Error(err, "cannot accept node sessions; trying again", "after", acceptPause)
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		running.Go(func() { h.serve(ctx, raw) })
	}
}

// DialNode opens a stream to a node's agent, on which it answers HTTP requests.
// Errors: api.ErrNotFound if the node has no session with this server.
func (h *Hub) DialNode(ctx context.Context, nodeID string) (net.Conn, error) {
	s := h.session(nodeID)
	if s == nil {
		return nil, fmt.Errorf("node %s has no session with this server: %w", nodeID, api.ErrNotFound)
	}
	return s.conn.OpenStream(ctx)
}

// Len returns how many sessions the hub holds.
func (h *Hub) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

func (h *Hub) session(nodeID string) *nodeSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[nodeID]
}

// enter makes s the node's session and ends the one before it, if any: an agent
// that connects anew knows that its old connection is of no use.
func (h *Hub) enter(s *nodeSession) {
	h.mu.Lock()
	old := h.sessions[s.nodeID]
	h.sessions[s.nodeID] = s
	h.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// leave forgets s, unless a newer session has taken its place.
func (h *Hub) leave(s *nodeSession) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[s.nodeID] == s {
		delete(h.sessions, s.nodeID)
	}
}

func (h *Hub) serve(ctx context.Context, raw net.Conn) {
	conn, err := session.Accept(ctx, raw, h.timeout)
	if err != nil {
		h.log.V(1).Info("connection refused", "from", raw.RemoteAddr().String(), "reason", err.Error())
		return
	}
	defer conn.Close()
	s, err := h.admit(ctx, conn)
	if err != nil {
		h.log.Info("node refused", "from", conn.RemoteAddr().String(), "reason", err.Error())
		return
	}
	log := h.log.WithValues("node", s.nodeID, "session", s.sessionID)
	log.Info("node connected", "from", conn.RemoteAddr().String())
	err = s.run(ctx)
	h.leave(s)
	if ctx.Err() != nil {
		return
	}
	log.Info("node disconnected", "graceful", s.graceful.Load(), "reason", fmt.Sprint(err))
	if err := h.recordLoss(ctx, s); err != nil && ctx.Err() == nil {
		log.Error(err, "could not record the loss of the session")
	}
}

// dispatch drops changed allocations into the outboxes of their nodes, and ends the
// sessions of nodes that are removed.
func (h *Hub) dispatch(ctx context.Context) {
	after := h.store.Snapshot().Index()
	for ctx.Err() == nil {
		feed := h.store.Watch(after, api.KindAllocation, api.KindNodeSession)
		err := h.follow(ctx, feed)
		feed.Close()
		if errors.Is(err, store.ErrResync) {
			after = h.store.Snapshot().Index()
			h.resync()
			h.endStale(ctx)
			continue
		}
		if ctx.Err() == nil {
			h.log.Error(err, "change feed ended; sessions get no news")
		}
		return
	}
}

func (h *Hub) follow(ctx context.Context, feed store.Feed) error {
	for {
		changes, _, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		h.deliver(changes)
	}
}

func (h *Hub) deliver(changes []store.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range changes {
		if c.Key.Kind == api.KindNodeSession {
			h.removed(c)
			continue
		}
		a, present := c.New.(*api.Allocation)
		old, before := c.Old.(*api.Allocation)
		switch {
		case !present:
			a = old
		case before && sameForAgent(old, a):
			continue
		}
		if s := h.sessions[a.NodeID]; s != nil {
			s.outbox.put(c.Index, a, !present)
		}
	}
}

// removed ends the session that a change removed from the store: the node was purged,
// and its agent has to register it anew. The caller holds mu.
func (h *Hub) removed(c store.Change) {
	s := h.sessions[c.Key.ID]
	if old, ok := c.Old.(*api.NodeSession); ok && c.New == nil && s != nil && old.ModifyIndex == s.recordedAt {
		s.close()
	}
}

// sameForAgent reports whether an agent has nothing to do about a change: most
// changes of an allocation are the controllers' own notes, on health and successors.
func sameForAgent(old, a *api.Allocation) bool {
	return old.DesiredStatus == a.DesiredStatus && old.IsCanary() == a.IsCanary() && old.JobVersion == a.JobVersion && old.Lost == a.Lost &&
		api.Deref(old.DesiredTransition.NoShutdownDelay) == api.Deref(a.DesiredTransition.NoShutdownDelay)
}

// resync has every session start again with its full set. Should the store not know
// a session any more, because it was restored from a snapshot, the session ends: the
// agent opens another one, and so registers its node again.
func (h *Hub) resync() {
	h.mu.Lock()
	defer h.mu.Unlock()
	snap := h.store.Snapshot() // not older than any session in the hub
	for _, s := range h.sessions {
		known, ok := store.Get[*api.NodeSession](snap, api.Key{Kind: api.KindNodeSession, ID: s.nodeID})
		if ok && known.ModifyIndex == s.recordedAt {
			s.outbox.putAll()
		} else {
			s.close()
		}
	}
}

// endStale reports as lost the sessions that this server holds according to the store
// alone: those of an earlier process, which could not do so itself, or of a
// snapshot that was restored.
func (h *Hub) endStale(ctx context.Context) {
	for err := h.store.Sync(ctx); err != nil; err = h.store.Sync(ctx) { // no leader yet, say
		if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return
		}
		h.log.Info("looking later for sessions that nobody holds", "reason", err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(lastRetry):
		}
	}
	snap, held := h.held()
	for s := range store.List[*api.NodeSession](snap, store.Query{Kind: api.KindNodeSession}) {
		if s.ServerID != h.serverID || !s.Connected || held[s.SessionID] {
			continue
		}
		lost := *s
		lost.Connected, lost.Since = false, time.Now().UnixNano()
		err := h.applySession(ctx, &lost, s.ModifyIndex)
		if err != nil && !errors.Is(err, api.ErrConflict) && ctx.Err() == nil {
			h.log.Error(err, "could not end a session that nobody holds", "node", s.NodeID)
		}
	}
}

// held returns a snapshot and the IDs of those of its sessions that are held by the
// hub.
func (h *Hub) held() (store.Snapshot, map[string]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := maps.Clone(h.opening)
	for _, s := range h.sessions {
		held[s.sessionID] = true
	}
	return h.store.Snapshot(), held
}

// open notes that a session is about to be written to the store, opened that it has
// entered the hub, or failed to.
func (h *Hub) open(s *nodeSession) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opening[s.sessionID] = true
}

func (h *Hub) opened(s *nodeSession) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.opening, s.sessionID)
}

func (h *Hub) applySession(ctx context.Context, s *api.NodeSession, modifyIndex uint64) error {
	_, err := h.apply(ctx, store.Txn{
		Conditions: []store.Condition{{Key: s.Key(), ModifyIndex: modifyIndex}},
		Writes:     []store.Write{{Put: s}},
	})
	return err
}

const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = time.Second
)

// apply applies a transaction, waiting out the times without a leader.
func (h *Hub) apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	delay := firstRetry
	for {
		res, err := h.store.Apply(ctx, txn)
		if !errors.Is(err, api.ErrNoLeader) {
			return res, err
		}
		select {
		case <-ctx.Done():
			return res, err
		case <-time.After(delay):
			delay, txn = min(2*delay, lastRetry), txn.Again()
		}
	}
}
