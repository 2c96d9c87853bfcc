package fsm

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/go-logr/logr"

	"github.com/droverhq/drover/store/table"
)

// Options for Open. Only Dir is required.
type Options struct {
	// Dir is the directory of the database; it is made if it is missing.
	Dir string
	// FS is the file system; the machine's own if nil.
	FS vfs.FS
	// MemTableBytes is how much Pebble gathers in memory before it writes a table:
	// up to four times that is in use under load, much less at rest. Default: 8 MiB.
	MemTableBytes uint64
	// CacheBytes is Pebble's block cache. Reads come from the tables in memory, so it
	// serves compactions only. Default: 4 MiB.
	CacheBytes int64
	// RetryPause is how long to wait after a table could not be written before it is
	// tried again. Default: 1 s.
	RetryPause time.Duration
	// Tables sizes the feed.
	Tables table.Options
	// Local returns, once, the proposals of an entry that this replica made itself
	// and is still waiting for; nil otherwise. It saves decoding them again.
	Local func(Token) []*Proposal
	Log   logr.Logger
	// Fatal is called when the machine cannot go on: the disk has failed, or an entry
	// cannot be applied by this version. It should not return. By default it logs
	// the error and ends the process with status 1.
	Fatal func(error)
}

func (o *Options) setDefaults() {
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 8 << 20
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 4 << 20
	}
	if o.RetryPause == 0 {
		o.RetryPause = time.Second
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Local == nil {
		o.Local = func(Token) []*Proposal { return nil }
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	if o.Fatal == nil {
		log := o.Log
		o.Fatal = func(err error) {
			log.Error(err, "the store cannot go on and stops this process; nothing acknowledged is lost")
			os.Exit(1)
		}
	}
}

// Machine is the state of one replica. Update, Sync, Snapshot, Recover and Close may
// not be called concurrently; Tables and Backup may be used at any time.
type Machine struct {
	o      Options
	db     *pebble.DB
	disk   *failStop
	tables *table.Tables
	meta   meta
	recent recent
	buf    []byte // for keys and the state record

	// applied is meta.applied, for others than the caller of Update.
	applied atomic.Uint64

	// committing guards committed, which is closed, and replaced, when a batch has
	// reached the database.
	committing sync.Mutex
	committed  chan struct{}

	// closing guards closed, and is held shared by Backup, so that the database is
	// there for as long as it is read.
	closing sync.RWMutex
	closed  bool
}

// Open opens the database, or makes it, and reads its objects into memory.
func Open(o Options) (*Machine, error) {
	if o.Dir == "" {
		return nil, errors.New("open state: no directory")
	}
	o.setDefaults()
	m := &Machine{o: o, committed: make(chan struct{})}
	if err := m.openDB(); err != nil {
		return nil, fmt.Errorf("open state in %s: %w", o.Dir, err)
	}
	m.tables = table.New(o.Tables)
	if err := m.load(); err != nil {
		m.tables.Close()
		return nil, errors.Join(fmt.Errorf("open state in %s: %w", o.Dir, err), m.db.Close())
	}
	return m, nil
}

func (m *Machine) openDB() (err error) {
	defer func() { // Pebble panics when it can't write some of its files
		if r := recover(); r != nil {
			err = fmt.Errorf("open database: %w", asError(r))
		}
	}()
	if err := makeDir(m.o.FS, m.o.Dir); err != nil {
		return err
	}
	if err := undoInterruptedCreation(m.o.FS, m.o.Dir); err != nil {
		return err
	}
	cache := pebble.NewCache(m.o.CacheBytes)
	defer cache.Unref()
	disk := &failStop{FS: m.o.FS, fatal: m.fatal, pause: m.o.RetryPause, done: make(chan struct{})}
	db, err := pebble.Open(m.o.Dir, &pebble.Options{
		FS:    disk,
		Cache: cache,
		// Raised, with a note in the changelog, when a newer format is worth that an
		// older program can't open the directory.
		FormatMajorVersion:          pebble.FormatWALSyncChunks,
		MemTableSize:                m.o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		// Keys come in random order, so that a table that is written out overlaps all
		// below: merge many of them at a time. Nobody waits for reads.
		L0CompactionThreshold: 16,
		L0StopWritesThreshold: 100,
		LBaseMaxBytes:         256 << 20,
		Logger:                pebbleLog{m.o.Log.WithName("pebble"), m.fatal},
	})
	if errors.Is(err, syscall.EAGAIN) { // of its lock
		return fmt.Errorf("another process uses it: stop that one first, or give this one a data_dir of its own: %w", err)
	}
	if err != nil {
		return err
	}
	m.db, m.disk = db, disk
	disk.armed.Store(true)
	return nil
}

func asError(panicked any) error {
	if err, ok := panicked.(error); ok {
		return err
	}
	return fmt.Errorf("%v", panicked)
}

// makeDir makes a directory and those above it, so that they are there after a crash.
func makeDir(fs vfs.FS, dir string) error {
	parent := fs.PathDir(dir)
	switch _, err := fs.Stat(dir); {
	case err == nil || parent == dir:
		return err
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := makeDir(fs, parent); err != nil {
		return err
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	d, err := fs.OpenDir(parent)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fatal ends the machine's life. A machine in an unknown state must not run on, so it
// panics if Options.Fatal returns.
func (m *Machine) fatal(err error) {
	m.o.Fatal(err)
	panic(err)
}

// Applied is the log index of the last entry that is on disk and in the tables. It may
// be called at any time.
func (m *Machine) Applied() uint64 { return m.applied.Load() }

// Tables returns the objects in memory.
func (m *Machine) Tables() *table.Tables { return m.tables }

// Sync makes everything that was applied durable.
func (m *Machine) Sync() error {
	// A synced commit makes all before it durable too: the database's own log is one
	// file written in order.
	if err := m.db.LogData(nil, pebble.Sync); err != nil {
		return fmt.Errorf("sync state: %w", err)
	}
	return nil
}

// Close closes the database and the tables.
func (m *Machine) Close() error {
	m.closing.Lock()
	defer m.closing.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	close(m.disk.done)
	m.tables.Close()
	if err := m.db.Close(); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// pebbleLog passes what Pebble says on to logr. What it does in normal operation is
// for debugging only.
type pebbleLog struct {
	log   logr.Logger
	fatal func(error)
}

func (l pebbleLog) Infof(format string, args ...any) {
	if l.log.V(2).Enabled() {
		l.log.V(2).Info(fmt.Sprintf(format, args...))
	}
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error(fmt.Errorf(format, args...), "database")
}

func (l pebbleLog) Fatalf(format string, args ...any) {
	failed := &diskError{message: fmt.Sprintf("write state: "+format, args...)}
	for _, a := range args {
		if err, ok := a.(error); ok {
			failed.cause = err
		}
	}
	l.fatal(failed)
}

// diskError is what Pebble says of a failure, with its cause if that is known.
type diskError struct {
	message string
	cause   error
}

func (e *diskError) Error() string { return e.message }
func (e *diskError) Unwrap() error { return e.cause }
