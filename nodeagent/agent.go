package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/artifact"
	"github.com/droverhq/drover/nodeagent/checks"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/env"
	"github.com/droverhq/drover/nodeagent/hook"
	"github.com/droverhq/drover/nodeagent/state"
)

// Agent is the node role. It is started once.
type Agent struct {
	opts    Options
	log     logr.Logger
	drivers map[string]driver.Driver
	hooks   []hook.Hook
	sites   []hook.Alloc // what makes the sites of allocations; empty without a data directory
	hostEnv []string
	dirs    layout

	// Set by Start, before anything uses them.
	ctx      context.Context // ends with the agent
	id       string          // of the node
	secret   string          // that proves it
	db       *state.DB
	reporter *reporter
	contact  *contact
	worker   *worker
	checks   *checks.Runner
	surveys  surveys
	crew     crew
	starts   chan struct{} // one token for each task that is being started
	removals chan struct{} // one token for each allocation whose files are being removed

	collecting sync.Mutex    // held while files of ended allocations are removed to make room
	commands   chan struct{} // one token for each command that is run beside a task

	facts        sync.Mutex         // held while node is changed; guards dynamicMeta
	dynamicMeta  map[string]*string // what was set of the node's meta, by the API
	node         atomic.Pointer[api.Node]
	factsChanged chan struct{} // holds one token
	draining     chan struct{} // closed when the agent asks for a drain, until drainBy
	drainBy      time.Time     // zero: there is no such time
	leaving      chan struct{} // closed when the agent says goodbye
	ready        chan struct{} // closed at the first welcome
	readyOnce    sync.Once
	started      atomic.Bool
	stats        hostStats
	files        fileServer
	fetcher      *artifact.Fetcher
	uplink       *uplink
	// secretsInMemory says that the secrets of tasks can be kept in memory. Set by Start.
	secretsInMemory bool
}

// New returns an agent that has not been started. It errs if the options are wrong.
func New(o Options) (*Agent, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	a := &Agent{
		opts: o, log: o.Log, dirs: newLayout(&o),
		drivers:      make(map[string]driver.Driver, len(o.Drivers)),
		hooks:        hook.Default(),
		hostEnv:      env.Without(os.Environ(), o.DenyEnv),
		factsChanged: make(chan struct{}, 1),
		draining:     make(chan struct{}),
		leaving:      make(chan struct{}),
		ready:        make(chan struct{}),
		starts:       make(chan struct{}, o.ParallelStarts),
		removals:     make(chan struct{}, o.GC.Parallel),
		commands:     make(chan struct{}, maxCommands),
		reporter:     newReporter(),
		contact:      newContact(),
		checks:       checks.NewRunner(checks.Options{}),
		fetcher:      artifact.New(o.Artifacts),
		uplink:       newUplink(),
	}
	a.surveys = newSurveys(&a.opts)
	a.worker = newWorker(a)
	for _, d := range o.Drivers {
		a.drivers[d.Name()] = d
	}
	if a.dirs.root != "" {
		a.sites = []hook.Alloc{
			hook.Disks(hook.DiskOptions{Root: a.dirs.allocs(), Keep: a.dirs.allocRun, Dial: a.uplink.Dial}),
			hook.Networks(a.networks()),
		}
	}
	return a, nil
}

// Ready is closed when a server has welcomed the node for the first time.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

func (a *Agent) setReady() { a.readyOnce.Do(func() { close(a.ready) }) }

// Node returns what the agent knows of its node; nil before it knows. It is shared
// and must not be changed.
func (a *Agent) Node() *api.Node { return a.node.Load() }

// pause waits and reports whether the agent is still there.
func (a *Agent) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// Start runs the agent until ctx is cancelled. It returns an error if the agent can't
// run here: the data directory is in use, its contents can't be read. What goes
// wrong later is logged, and tried again.
func (a *Agent) Start(ctx context.Context) (err error) {
	if a.started.Swap(true) {
		return errors.New("node agent has been started before")
	}
	id, secret, unlock, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	defer func() { err = errors.Join(err, a.db.Close()) }()
	saved, err := a.db.Load()
	if err != nil {
		return err
	}
	if a.dynamicMeta, err = a.db.Meta(); err != nil {
		return err
	}
	buried, err := a.db.Buried()
	if err != nil {
		return err
	}
	for _, id := range buried {
		a.worker.bury(id)
	}
	seen, err := a.db.Contact()
	if err != nil {
		return err
	}
	a.contact.restore(seen, time.Now())
	defer func() { err = errors.Join(err, a.files.close()) }()
	if a.dirs.root != "" {
		why := allocdir.ProbeSecrets()
		if a.secretsInMemory = why == nil; why != nil {
			a.log.Info("secrets of tasks are kept on disk", "reason", why.Error())
		}
	}
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer a.crew.Dismiss()
	defer stop()
	a.ctx = own
	a.discover(own, id, secret)
	a.restore(saved)
	a.sweepSites()

	connected := make(chan struct{})
	a.crew.Go(func() {
		defer close(connected)
		c := &connector{a: a, servers: a.opts.Servers}
		c.run(own)
	})
	a.crew.Go(func() { a.watchFacts(own) })
	a.crew.Go(func() { a.watchContact(own) })
	a.crew.Go(func() { a.checks.Run(own) })
	a.crew.Go(func() { a.collectGarbage(own) })
	a.crew.Go(func() { a.watchDisks(own) })
	<-ctx.Done()
	a.end(context.Cause(ctx), connected)
	return nil
}

// open takes the data directory.
func (a *Agent) open(ctx context.Context) (id, secret string, unlock func() error, err error) {
	if a.dirs.root == "" {
		a.db, err = state.Open("")
		return uuid.NewString(), uuid.NewString(), func() error { return nil }, err
	}
	if err := a.dirs.make(); err != nil {
		return "", "", nil, err
	}
	lock, err := lockFile(ctx, a.dirs.lock())
	if err != nil {
		return "", "", nil, err
	}
	if id, err = persistentID(a.dirs.nodeID()); err == nil {
		secret, err = persistentID(a.dirs.secret())
	}
	if err == nil {
		a.db, err = state.Open(a.dirs.state())
	}
	if err != nil {
		return "", "", nil, errors.Join(fmt.Errorf("start node agent: %w", err), lock.Close())
	}
	return id, secret, lock.Close, nil
}

// restore goes on with what an earlier agent had.
func (a *Agent) restore(saved []state.Saved) {
	for _, s := range saved {
		r, err := restoreRunner(a, s)
		if err != nil {
			// If the servers still want it, it begins anew, and drivers know the tasks that
			// are there by their IDs.
			a.log.Error(err, "allocation can't be picked up", "allocation", s.Alloc.ID)
			continue
		}
		a.worker.adopt(r)
		r.resume()
	}
	if len(saved) > 0 {
		a.log.Info("picked up allocations", "count", len(saved))
	}
}
