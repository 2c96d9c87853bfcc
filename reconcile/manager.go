package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// Options are what a manager works with.
type Options struct {
	Store    Replica     // required
	ServerID string      // required: of this server, as store.LeaderInfo has it
	Log      logr.Logger // default: discards
	Clock    Clock       // default: RealClock
	// Registerer gets the metrics, all named drover_controller_…. Default: none.
	Registerer prometheus.Registerer
	// Lease is how long workers may take to stop when leadership is lost, before
	// they are left behind. Default 10 s. It is not needed for safety: what they
	// write after the loss is refused.
	Lease time.Duration
}

const (
	defaultLease = 10 * time.Second
	// claimDelay is how long the manager waits before it tries again to take up a
	// leadership that raft says it has: less than an election takes.
	claimDelay = 100 * time.Millisecond
)

// Manager runs controllers while this server leads. Register controllers with
// Builder.Complete, then Start it. All methods may be called concurrently.
type Manager struct {
	options Options
	metrics *metrics

	mu          sync.Mutex // guards what is below
	started     bool
	controllers []*controller
	term        uint64 // 0 while this server does not lead
}

// NewManager returns a manager without controllers.
func NewManager(o Options) (*Manager, error) {
	if o.Store == nil {
		return nil, errors.New("reconcile.Options.Store is required")
	}
	if o.ServerID == "" {
		return nil, errors.New("reconcile.Options.ServerID is required")
	}
	if o.Clock == nil {
		o.Clock = RealClock{}
	}
	if o.Lease <= 0 {
		o.Lease = defaultLease
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	metrics, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return &Manager{options: o, metrics: metrics}, nil
}

func (m *Manager) register(s spec) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started {
		return errors.New("the manager has been started already")
	}
	for _, c := range m.controllers {
		if c.name == s.name {
			return errors.New("there is a controller of that name already")
		}
		for kind, ownership := range s.outputs {
			if theirs, ok := c.outputs[kind]; ok && ownership.collides(theirs) {
				return fmt.Errorf("writes %s (%s), which controller %q writes too (%s): one of them must not, or both must share it",
					kind, ownership, c.name, theirs)
			}
		}
	}
	c := &controller{spec: s}
	if err := m.metrics.add(c); err != nil {
		return err
	}
	m.controllers = append(m.controllers, c)
	return nil
}

// Start runs the controllers whenever this server leads. It blocks until the
// context is cancelled (then it returns nil) or the store is closed, and returns
// after every worker. It can be called once.
func (m *Manager) Start(ctx context.Context) error {
	m.mu.Lock()
	if m.started {
		m.mu.Unlock()
		return errors.New("the manager has been started already")
	}
	m.started = true
	m.mu.Unlock()

	var workers sync.WaitGroup
	defer workers.Wait()
	for {
		changed := m.options.Store.LeaderChanged()
		var again <-chan time.Time
		if m.options.Store.Leader().IsSelf {
			err := m.lead(ctx, &workers)
			if errors.Is(err, store.ErrClosed) {
				return fmt.Errorf("run controllers: %w", err)
			}
			if ctx.Err() == nil {
				m.options.Log.V(1).Info("not leading", "reason", err.Error())
			}
			again = m.options.Clock.After(claimDelay)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-again:
		}
	}
}

// lead takes up leadership and runs the controllers until it is lost. The error
// says why it ended.
func (m *Manager) lead(ctx context.Context, workers *sync.WaitGroup) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer cancel(nil)
	watcher.Go(func() {
		m.waitLost(ctx)
		cancel(ErrDeposed)
	})

	index, err := m.claim(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return fmt.Errorf("take up leadership: %w", err)
	}
	m.setTerm(index)
	defer m.setTerm(0)
	log := m.options.Log.WithValues("term", index)
	log.Info("leading: running controllers", "controllers", len(m.controllers))
	t := &term{index: index, store: m.options.Store, clock: m.options.Clock, log: log, pace: pace{clock: m.options.Clock}}
	err = t.run(ctx, m.controllers, workers, m.options.Lease)
	log.Info("term of leadership ended", "reason", err.Error())
	return err
}

// waitLost returns when raft says that this server does not lead.
func (m *Manager) waitLost(ctx context.Context) {
	for {
		changed := m.options.Store.LeaderChanged()
		if !m.options.Store.Leader().IsSelf {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// claim writes the Leadership object, which begins a term, and returns its index.
// What was committed before is applied here when it returns.
func (m *Manager) claim(ctx context.Context) (uint64, error) {
	s := m.options.Store
	if err := s.Sync(ctx); err != nil {
		return 0, err
	}
	var held uint64
	if o, ok := s.Snapshot().Get(api.LeadershipKey); ok {
		held = modifyIndex(o)
	}
	result, err := s.Apply(ctx, store.Txn{
		Conditions: []store.Condition{{Key: api.LeadershipKey, ModifyIndex: held}},
		Writes: []store.Write{{Put: &api.Leadership{
			ServerID: m.options.ServerID,
			Since:    m.options.Clock.Now().UnixNano(),
		}}},
	})
	return result.Index, err
}

func (m *Manager) setTerm(index uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.term = index
}

// Term returns the term of leadership that this server's controllers run in: the
// ModifyIndex of the Leadership object; 0 while they do not run.
func (m *Manager) Term() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.term
}

// Graph returns what the controllers declared, in the order of registration.
func (m *Manager) Graph() []ControllerInfo {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]ControllerInfo, len(m.controllers))
	for i, c := range m.controllers {
		out[i] = c.info()
	}
	return out
}

// Status returns how the controllers do, in the order of registration.
func (m *Manager) Status() []ControllerStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]ControllerStatus, len(m.controllers))
	for i, c := range m.controllers {
		out[i] = c.status()
	}
	return out
}
