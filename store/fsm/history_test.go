package fsm_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/backup"
	"github.com/droverhq/drover/store/fsm"
)

// history is a log, with the state after each of its entries.
type history struct {
	entries [][]byte // entry i has index i+1
	states  [][]byte // as saved; states[i] is that after i entries
}

// newHistory makes a log of about n entries: groups of transactions, of which some
// conflict, and now and then a backup that is restored, with others in between.
func newHistory(t testing.TB, rng *rand.Rand, n int) *history {
	h := &history{}
	m := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	h.states = append(h.states, save(t, m))
	add := func(cmd []byte) {
		h.entries = append(h.entries, cmd)
		h.run(t, m, len(h.entries)-1, len(h.entries))
		h.states = append(h.states, save(t, m))
	}
	for len(h.entries) < n {
		switch rng.IntN(12) {
		default:
			add(group(t, rng, m))
			continue
		case 1:
			if len(h.entries) > 0 { // proposed twice
				add(h.entries[rng.IntN(len(h.entries))])
			}
			continue
		case 0:
		}
		id := newToken()
		add(fsm.StageBegin(newHeader(), id))
		pieces, end := stage(t, id, h.states[rng.IntN(len(h.states))])
		for _, p := range pieces {
			add(p)
			add(group(t, rng, m))
		}
		if rng.IntN(4) > 0 {
			add(end)
		} // or it is given up
	}
	return h
}

// run applies entries [from, to) at once.
func (h *history) run(t testing.TB, m *fsm.Machine, from, to int) {
	t.Helper()
	if err := m.Update(h.batch(from, to)); err != nil {
		t.Fatalf("update: %v", err)
	}
}

func (h *history) batch(from, to int) []fsm.Entry {
	var entries []fsm.Entry
	for i := from; i < to; i++ {
		entries = append(entries, fsm.Entry{Index: uint64(i + 1), Cmd: h.entries[i]})
	}
	return entries
}

// check reports whether a machine that was just opened has the state as of some
// entry, and can go on from there.
func (h *history) check(t testing.TB, m *fsm.Machine) (applied int) {
	t.Helper()
	applied = int(m.Applied())
	if applied >= len(h.states) {
		t.Fatalf("entry %d was applied, of %d", applied, len(h.entries))
	}
	if !bytes.Equal(save(t, m), h.states[applied]) {
		t.Fatalf("the state is not that after entry %d", applied)
	}
	h.run(t, m, applied, len(h.entries))
	if !bytes.Equal(save(t, m), h.states[len(h.entries)]) {
		t.Fatalf("the state is another after going on from entry %d", applied)
	}
	return applied
}

func openMachine(t testing.TB, o fsm.Options) *fsm.Machine {
	t.Helper()
	if o.Dir == "" {
		o.Dir = "/data/store"
	}
	m, err := fsm.Open(o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return m
}

func save(t testing.TB, m *fsm.Machine) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Backup(t.Context(), &b); err != nil {
		t.Fatalf("backup: %v", err)
	}
	return b.Bytes()
}

func group(t testing.TB, rng *rand.Rand, m *fsm.Machine) []byte {
	var proposals []*fsm.Proposal
	for range 1 + rng.IntN(3) {
		proposals = append(proposals, proposal(t, transaction(rng, m.Tables().Snapshot())))
	}
	return fsm.AppendGroup(nil, newHeader(), proposals...)
}

var tokens atomic.Uint64

func newToken() (t fsm.Token) {
	binary.BigEndian.PutUint64(t[:], tokens.Add(1))
	return t
}

func newHeader() fsm.Header { return fsm.Header{Token: newToken()} }

func proposal(t testing.TB, txn store.Txn) *fsm.Proposal {
	t.Helper()
	p, err := fsm.Encode(txn)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return p
}

// transaction writes a few objects of some size, on conditions that mostly hold.
func transaction(rng *rand.Rand, snap store.Snapshot) store.Txn {
	var txn store.Txn
	first := rng.IntN(40)
	for i := range 1 + rng.IntN(5) {
		name := fmt.Sprint("ns", (first+i)%40)
		key := api.Key{Kind: api.KindNamespace, ID: name}
		if rng.IntN(2) == 0 {
			c := store.Absent(key)
			if old, ok := snap.Get(key); ok && rng.IntN(10) > 0 {
				c = store.Unchanged(old)
			}
			txn.Conditions = append(txn.Conditions, c)
		}
		if rng.IntN(4) == 0 {
			txn.Writes = append(txn.Writes, store.Delete(key))
		} else {
			text := strings.Repeat(string(rune('a'+rng.IntN(26))), rng.IntN(4000))
			txn.Writes = append(txn.Writes, store.Put(&api.Namespace{Name: name, Description: text}))
		}
	}
	return txn
}

// stage cuts a backup into entries.
func stage(t testing.TB, id fsm.Token, saved []byte) (pieces [][]byte, end []byte) {
	var records uint64
	var chunk []byte
	flush := func() {
		if chunk != nil {
			pieces, chunk = append(pieces, chunk), nil
		}
	}
	header, err := backup.Read(bytes.NewReader(saved), func(key, value []byte) error {
		if chunk == nil {
			chunk = fsm.StageChunk(newHeader(), id, uint64(len(pieces)))
		}
		chunk = fsm.AppendRecord(chunk, key, value)
		if records++; records%10 == 0 {
			flush()
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read backup: %v", err)
	}
	flush()
	return pieces, fsm.StageEnd(newHeader(), id, uint64(len(pieces)), records, header.Index)
}

// objects lists what a backup holds.
func objects(t testing.TB, saved []byte) (out []string) {
	t.Helper()
	_, err := backup.Read(bytes.NewReader(saved), func(key, value []byte) error {
		out = append(out, fmt.Sprintf("%q %x", key, value))
		return nil
	})
	if err != nil {
		t.Fatalf("read backup: %v", err)
	}
	return out
}
