package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/table"
)

// Options say what to mirror. Client and Kinds are required.
type Options struct {
	Client *client.Client
	Kinds  []api.Kind
	Name   string      // of the program, for messages; default "remote"
	Log    logr.Logger // default: discards
	// Retry is the pause before a broken stream is followed again. It doubles up to 30
	// times that. Default 1 s.
	Retry time.Duration
}

// Mirror is a replica of some kinds of a cluster's objects: a reconcile.Replica. All
// methods may be called concurrently.
type Mirror struct {
	options Options
	tables  *table.Tables
	cancel  context.CancelFunc
	follows sync.WaitGroup

	mu         sync.Mutex // guards leadership
	leadership *api.Leadership
}

// Open lists the kinds, and follows their changes until the mirror is closed. It returns
// when everything was listed. If that fails, it is not tried again.
func Open(ctx context.Context, o Options) (*Mirror, error) {
	if o.Client == nil || len(o.Kinds) == 0 {
		return nil, errors.New("remote.Options needs Client and Kinds")
	}
	for _, k := range o.Kinds {
		if !api.Followed(k) {
			return nil, fmt.Errorf("kind %q can't be followed from outside of a server", k)
		}
	}
	if o.Name == "" {
		o.Name = "remote"
	}
	if o.Retry <= 0 {
		o.Retry = time.Second
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	m := &Mirror{options: o, tables: table.New(table.Options{})}
	following, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	listed, failed := make(chan struct{}), make(chan error, 1)
	m.follows.Go(func() { m.follow(following, listed, failed) })
	var err error
	select {
	case <-listed:
		return m, nil
	case err = <-failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(fmt.Errorf("list objects of %s: %w", o.Client.Address(), err), m.Close())
}

// silence is how long a stream may bring nothing before it is given up: servers send a
// sign of life every 10 seconds.
const silence = 35 * time.Second

// maxBackoff is how many times the first pause the longest is.
const maxBackoff = 30

// follow keeps the tables like the cluster's until the context ends.
func (m *Mirror) follow(ctx context.Context, listed chan<- struct{}, failed chan<- error) {
	pause := m.options.Retry
	from, opened := uint64(0), false
	for {
		f := &follower{mirror: m, from: from, listed: func() {
			if !opened {
				opened = true
				close(listed)
			}
		}}
		err := f.run(ctx, m.options)
		if ctx.Err() != nil {
			return
		}
		if !opened {
			failed <- err
			return
		}
		if f.heard {
			pause = m.options.Retry
		}
		from = f.from
		if client.Lost(err) {
			from = 0
		}
		m.options.Log.Info("the event stream ended, following again", "from", from, "pause", pause, "reason", fmt.Sprint(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxBackoff*m.options.Retry)
	}
}

// follower is one connection to the event stream.
type follower struct {
	mirror *Mirror
	from   uint64 // where to go on: behind what was seen whole; 0: list again
	listed func()
	heard  bool // anything at all
	alive  *time.Timer
	loader *table.Loader
	tables map[api.Kind]func(api.Object, []byte)
}

// run follows the stream until it ends, or falls silent.
func (f *follower) run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.alive = time.AfterFunc(silence, cancel)
	defer f.alive.Stop()
	return o.Client.Objects.Follow(ctx, f.from, o.Kinds, f.events)
}

// events takes in one line of the stream.
func (f *follower) events(line []client.ObjectEvent) error {
	f.heard = true
	f.alive.Reset(silence)
	var writes []table.Write
	size := 0
	for _, e := range line {
		switch e.Type {
		case api.EventObjectListed:
			if err := f.load(e.Object); err != nil {
				return err
			}
			continue
		case api.EventObjectsListed:
			f.loaded(e.Index)
			continue
		}
		w := table.Write{Key: api.Key{Kind: e.Object.Kind, Namespace: e.Object.Namespace, ID: e.Object.ID}}
		if e.Type == api.EventObjectWritten {
			object, err := e.Object.Object()
			if err != nil {
				return err
			}
			w.Object, w.Stored = object, e.Object.Bytes
		}
		size += len(e.Object.Bytes)
		writes = append(writes, w)
	}
	if len(writes) > 0 {
		index := line[0].Index
		f.mirror.tables.Mirror(index, writes, size)
		f.from = index + 1
	}
	return nil
}

// load takes in a listed object.
func (f *follower) load(stored *api.StoredObject) error {
	object, err := stored.Object()
	if err != nil {
		return err
	}
	if f.loader == nil {
		f.loader, f.tables = table.NewLoader(), make(map[api.Kind]func(api.Object, []byte))
	}
	add, ok := f.tables[stored.Kind]
	if !ok {
		add = f.loader.Table(stored.Kind)
		f.tables[stored.Kind] = add
	}
	add(object, stored.Bytes)
	return nil
}

// loaded puts what was listed in place of all that was known.
func (f *follower) loaded(index uint64) {
	if f.loader == nil {
		f.loader = table.NewLoader()
	}
	f.mirror.tables.Reset(f.loader, max(index, f.mirror.tables.Index()))
	f.loader, f.tables = nil, nil
	f.from = index + 1
	f.listed()
}

// Close ends the mirror: feeds end, and what waits returns store.ErrClosed.
func (m *Mirror) Close() error {
	m.cancel()
	m.follows.Wait()
	m.tables.Close()
	return nil
}

// Leader says that this program leads: see the package page.
func (m *Mirror) Leader() store.LeaderInfo {
	return store.LeaderInfo{ServerID: m.options.Name, IsSelf: true, Term: 1}
}

// LeaderChanged returns a channel that is never closed.
func (m *Mirror) LeaderChanged() <-chan struct{} { return nil }

// Sync returns at once: a mirror has what the stream has brought.
func (m *Mirror) Sync(ctx context.Context) error { return ctx.Err() }

// WaitIndex returns once a change of a followed kind at the index, or a later one, was
// taken in.
func (m *Mirror) WaitIndex(ctx context.Context, index uint64) error {
	return m.tables.WaitIndex(ctx, index)
}

// Watch implements reconcile.Replica.
func (m *Mirror) Watch(after uint64, kinds ...api.Kind) store.Feed {
	return m.tables.Watch(after, kinds...)
}

// Snapshot implements reconcile.Replica.
func (m *Mirror) Snapshot() store.Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &snapshot{Snapshot: m.tables.Snapshot(), kinds: m.options.Kinds, leadership: m.leadership}
}
