package fsm_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/droverhq/drover/store/fsm"
)

// small makes Pebble write out and compact tables all the time.
func small(fs vfs.FS) fsm.Options {
	return fsm.Options{Dir: "/data/store", FS: fs, MemTableBytes: 64 << 10}
}

func rounds(many int) int {
	if testing.Short() {
		return many / 10
	}
	return many
}

// subject runs a history, in batches, and syncs now and then.
type subject struct {
	h              *history
	rng            *rand.Rand
	begun, durable atomic.Int64 // entries that an Update was given; that a Sync has covered
}

func (s *subject) run(m *fsm.Machine) error {
	for at := int(m.Applied()); at < len(s.h.entries); {
		next := min(at+1+s.rng.IntN(5), len(s.h.entries))
		s.begun.Store(int64(next))
		if err := m.Update(s.h.batch(at, next)); err != nil {
			return err
		}
		if at = next; s.rng.IntN(6) == 0 {
			if err := m.Sync(); err != nil {
				return err
			}
			s.durable.Store(int64(at))
		}
	}
	return nil
}

// The machine may lose power at any operation on its disk, with any part of what was
// not synced: it comes back with the state as of some entry, not before the last sync.
func TestAnyCrashPointRecoversToThePrefixOfTheLog(t *testing.T) {
	t.Parallel()
	h := newHistory(t, rand.New(rand.NewPCG(1, 1)), 100)
	operations := countOperations(t, h)
	seen := make(map[int]bool)
	for seed := range uint64(rounds(200)) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := &subject{h: h, rng: rand.New(rand.NewPCG(rng.Uint64(), 0))}
		disk := vfs.NewCrashableMem()
		var crashed *vfs.MemFS
		var durable, begun int64
		at, percent := rng.Int64N(operations), rng.IntN(101)
		cloneRNG := rand.New(rand.NewPCG(seed, 8))
		var once sync.Mutex // operations come from several goroutines
		count := int64(0)
		fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			once.Lock()
			defer once.Unlock()
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				if count++; count == at {
					// What is durable by now can only be more by the time of the clone.
					durable = s.durable.Load()
					crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: cloneRNG})
					begun = s.begun.Load()
				}
			}
			return nil
		}))
		m := openMachine(t, small(fs))
		if err := s.run(m); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		once.Lock() // the machine's background work goes on
		image, synced, started := crashed, durable, begun
		once.Unlock()
		if image == nil {
			continue // it took fewer operations this time
		}
		applied := h.check(t, openMachine(t, small(image)))
		if applied < int(synced) || applied > int(started) {
			t.Fatalf("seed %d: entry %d is the last after the crash; %d was synced and %d begun", seed, applied, synced, started)
		}
		seen[applied] = true
	}
	if len(seen) < rounds(200)/8 {
		t.Fatalf("the crashes led to %d different states only", len(seen))
	}
}

// countOperations returns how many writes to disk a run takes, about.
func countOperations(t *testing.T, h *history) int64 {
	var n atomic.Int64
	m := openMachine(t, small(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			n.Add(1)
		}
		return nil
	}))))
	s := &subject{h: h, rng: rand.New(rand.NewPCG(0, 0))}
	if err := s.run(m); err != nil {
		t.Fatal(err)
	}
	return n.Load()
}

// A disk that is full for a while stops the machine with a clear error, or is survived;
// when there is room again, it comes back with a prefix of the log.
func TestADiskThatFailsStopsTheMachineAndLosesNothingSynced(t *testing.T) {
	t.Parallel()
	h := newHistory(t, rand.New(rand.NewPCG(2, 2)), 100)
	operations := countOperations(t, h)
	stopped := 0
	for seed := range uint64(rounds(100)) {
		rng := rand.New(rand.NewPCG(seed, 9))
		disk := vfs.NewCrashableMem()
		var count atomic.Int64
		from := rng.Int64N(operations)
		full := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpRemove {
				return nil
			}
			if n := count.Add(1); n > from && n < from+6 {
				return syscall.ENOSPC
			}
			return nil
		}))
		s := &subject{h: h, rng: rand.New(rand.NewPCG(rng.Uint64(), 0))}
		ended := make(chan error, 2)
		o := small(full)
		o.RetryPause = time.Microsecond
		o.Fatal = func(err error) {
			ended <- err
			select {} // the process would end here
		}
		go func() {
			m, err := fsm.Open(o)
			if err == nil {
				err = s.run(m)
			}
			ended <- err
		}()
		if err := <-ended; err != nil {
			stopped++
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("seed %d: error is %v, want one that says that the disk is full", seed, err)
			}
		}
		durable := s.durable.Load()
		// The disk as a new process finds it, with nothing lost that was written.
		after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
		begun := s.begun.Load()
		applied := h.check(t, openMachine(t, small(after)))
		if applied < int(durable) || applied > int(begun) {
			t.Fatalf("seed %d: entry %d is the last; %d was synced and %d begun", seed, applied, durable, begun)
		}
	}
	if stopped == 0 {
		t.Fatal("no full disk stopped the machine")
	}
}

func TestReplicasAgreeHoweverTheirEntriesCome(t *testing.T) {
	t.Parallel()
	h := newHistory(t, rand.New(rand.NewPCG(3, 3)), 60)
	one := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	h.run(t, one, 0, len(h.entries))
	entries := h.batch(0, len(h.entries))
	if err := openMachine(t, fsm.Options{FS: vfs.NewMem()}).Update(entries); err != nil {
		t.Fatal(err)
	}
	single := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	for i := range h.entries {
		e := h.batch(i, i+1)
		if err := single.Update(e); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(e[0].Result, entries[i].Result) {
			t.Fatalf("entry %d: results are %x and %x", i+1, e[0].Result, entries[i].Result)
		}
	}
	if !bytes.Equal(save(t, one), save(t, single)) {
		t.Fatal("the states differ")
	}
}

// A new database may lose power at any operation of its making.
func TestPowerMayFailWhileTheDatabaseIsMade(t *testing.T) {
	t.Parallel()
	for at := range int64(40) {
		for seed := range uint64(rounds(20)) {
			disk := vfs.NewCrashableMem()
			var crashed *vfs.MemFS
			var guard sync.Mutex // operations come from several goroutines
			count := int64(0)
			fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
				guard.Lock()
				defer guard.Unlock()
				if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
					if count == at {
						crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, uint64(at)))})
					}
					count++
				}
				return nil
			}))
			openMachine(t, small(fs))
			guard.Lock()
			image := crashed
			guard.Unlock()
			if image != nil {
				openMachine(t, small(image))
			}
		}
	}
}
