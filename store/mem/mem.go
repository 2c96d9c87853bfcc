// Package mem is a store in memory, with the same contract as the replicated one: for
// tests, and for tools that want a store without a disk. It is lost with the process.
//
//	s := mem.New(mem.Options{})
//	defer s.Close()
//
// It leads itself from the start. SetLeader makes it believe something else, for
// tests of what happens as leadership is gained and lost:
//
//	s.SetLeader(store.LeaderInfo{ServerID: "other", Term: 2})
package mem

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"sync"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/backup"
	"github.com/droverhq/drover/store/keys"
	"github.com/droverhq/drover/store/table"
)

// Options for New. The zero value will do.
type Options struct {
	// ServerID is who leads; "mem" by default.
	ServerID string
	// Tables sizes what is kept for readers of the feed.
	Tables table.Options
}

// Store is a store in memory. It implements store.Store.
type Store struct {
	tables *table.Tables

	mu      sync.Mutex // makes Apply, Restore and Close one at a time; guards what follows
	closed  bool
	leader  store.LeaderInfo
	changed chan struct{}
}

// New returns an empty store.
func New(o Options) *Store {
	if o.ServerID == "" {
		o.ServerID = "mem"
	}
	return &Store{
		tables:  table.New(o.Tables),
		leader:  store.LeaderInfo{ServerID: o.ServerID, Address: "mem", IsSelf: true, Term: 1},
		changed: make(chan struct{}),
	}
}

var _ store.Store = (*Store)(nil)

// Apply implements store.Store. Without a leader (SetLeader) it fails with
// api.ErrNoLeader.
func (s *Store) Apply(ctx context.Context, txn store.Txn) (store.Result, error) {
	if err := ctx.Err(); err != nil {
		return store.Result{}, err
	}
	if err := txn.Validate(); err != nil {
		return store.Result{}, err
	}
	writes, size, err := copyWrites(txn.Writes)
	if err != nil {
		return store.Result{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.Result{}, store.ErrClosed
	}
	if s.leader.ServerID == "" {
		return store.Result{}, fmt.Errorf("apply: %w", api.ErrNoLeader)
	}
	applied, conflict := s.tables.Apply(txn.Conditions, writes, size)
	if conflict != nil {
		return store.Result{}, conflict
	}
	return store.Result{Index: applied.Index}, nil
}

// copyWrites makes the writes that the tables may keep, by way of the stored form.
func copyWrites(in []store.Write) (out []table.Write, size int, err error) {
	out = make([]table.Write, len(in))
	for i, w := range in {
		key := w.Key()
		out[i].Key = key
		size += keys.Len(key)
		if w.Put == nil {
			continue
		}
		buf, err := w.Put.MarshalMsg(nil)
		if err != nil {
			return nil, 0, fmt.Errorf("encode %s: %w", key, err)
		}
		out[i].Stored = buf
		if size += len(buf); size > store.MaxTxnBytes {
			return nil, 0, fmt.Errorf("transaction of more than %d bytes: %w", store.MaxTxnBytes, api.ErrTooLarge)
		}
		if out[i].Object, err = table.Decode(key, buf); err != nil {
			return nil, 0, fmt.Errorf("decode %s: %w", key, err)
		}
		if w.Given {
			if err := sameAsRead(w.Put, out[i].Object); err != nil {
				return nil, 0, err
			}
		}
		out[i].Key = out[i].Object.Key() // shares its strings
	}
	return out, size, nil
}

// sameAsRead checks what a writer promised of an object that it gave to the store: here,
// where tests run, and not where it would cost what it saves.
func sameAsRead(given, read api.Object) error {
	given.SetIndexes(0, 0)
	if !reflect.DeepEqual(given, read) {
		return fmt.Errorf("%s was given to the store, but is not as it reads: %+v, want %+v", given.Key(), given, read)
	}
	return nil
}

// Snapshot implements store.Store.
func (s *Store) Snapshot() store.Snapshot { return s.tables.Snapshot() }

// Sync implements store.Store: there is no one to be behind. Without a leader it fails
// with api.ErrNoLeader.
func (s *Store) Sync(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return store.ErrClosed
	case s.leader.ServerID == "":
		return fmt.Errorf("sync: %w", api.ErrNoLeader)
	}
	return ctx.Err()
}

// WaitIndex implements store.Store.
func (s *Store) WaitIndex(ctx context.Context, index uint64) error {
	return s.tables.WaitIndex(ctx, index)
}

// Watch implements store.Store.
func (s *Store) Watch(after uint64, kinds ...api.Kind) store.Feed {
	return s.tables.Watch(after, kinds...)
}

// Leader implements store.Store.
func (s *Store) Leader() store.LeaderInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leader
}

// LeaderChanged implements store.Store.
func (s *Store) LeaderChanged() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// SetLeader changes what Leader returns, and tells those who wait for it.
func (s *Store) SetLeader(info store.LeaderInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if info == s.leader {
		return
	}
	s.leader = info
	close(s.changed)
	s.changed = make(chan struct{})
}

// Save implements store.Store.
func (s *Store) Save(ctx context.Context, w io.Writer) error {
	snap := s.tables.Snapshot()
	b, err := backup.NewWriter(w, backup.Header{Index: snap.Index()})
	if err != nil {
		return err
	}
	var key, value []byte
	for o := range snap.All() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("save backup: %w", err)
		}
		create, modify := o.Indexes()
		key = keys.Append(key[:0], o.Key())
		if value, err = o.MarshalMsg(keys.AppendIndexes(value[:0], create, modify)); err != nil {
			return fmt.Errorf("save backup: encode %s: %w", o.Key(), err)
		}
		if err := b.Add(key, value); err != nil {
			return err
		}
	}
	return b.Close()
}

// Restore implements store.Store.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	loader := table.NewLoader()
	tables := make(map[api.Kind]func(api.Object, []byte))
	header, err := backup.Read(r, func(key, value []byte) error {
		o, stored, err := table.DecodeStored(key, value)
		if err != nil {
			return err
		}
		kind := o.Key().Kind
		if tables[kind] == nil {
			tables[kind] = loader.Table(kind)
		}
		tables[kind](o, stored)
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.tables.Reset(loader, max(header.Index, s.tables.Index())+1)
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.tables.Close()
	return nil
}
