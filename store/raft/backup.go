package raft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store/backup"
	"github.com/droverhq/drover/store/fsm"
	"github.com/droverhq/drover/store/table"
)

// Save implements store.Store. It saves what this replica has applied.
func (s *Store) Save(ctx context.Context, w io.Writer) error { return s.machine.Backup(ctx, w) }

// Restore implements store.Store. The backup is first read to its end, into a
// temporary file beside the state, and checked. Then it goes through the log in pieces,
// which every replica gathers out of sight; the last one makes them its state.
// Transactions that are applied in between are lost. If Restore fails with an unknown
// outcome, it may have happened nevertheless. Of two at the same time one fails, with
// api.ErrConflict.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	s.restoring.Lock()
	defer s.restoring.Unlock()
	spool, err := os.CreateTemp(s.o.DataDir, "restore-*")
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	err = errors.Join(s.restore(ctx, r, spool), spool.Close(), os.Remove(spool.Name()))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

func (s *Store) restore(ctx context.Context, r io.Reader, spool *os.File) error {
	_, err := backup.Read(io.TeeReader(r, spool), func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, _, err := table.DecodeStored(key, value)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	t := transfer{store: s, ctx: ctx, id: s.local.token()}
	if err := t.propose(func(h fsm.Header) []byte { return fsm.StageBegin(h, t.id) }); err != nil {
		return err
	}
	header, err := backup.Read(spool, t.add)
	if err != nil {
		return err
	}
	return t.end(header.Index)
}

// transfer puts a backup into the log, piece by piece.
type transfer struct {
	store           *Store
	ctx             context.Context
	id              fsm.Token
	chunk           []byte // records
	chunks, records uint64
}

func (t *transfer) add(key, value []byte) error {
	t.chunk = fsm.AppendRecord(t.chunk, key, value)
	t.records++
	if len(t.chunk) < fsm.ChunkBytes {
		return nil
	}
	return t.flush()
}

func (t *transfer) flush() error {
	if len(t.chunk) == 0 {
		return nil
	}
	err := t.propose(func(h fsm.Header) []byte {
		return append(fsm.StageChunk(h, t.id, t.chunks), t.chunk...)
	})
	t.chunk = t.chunk[:0]
	t.chunks++
	return err
}

func (t *transfer) end(index uint64) error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.propose(func(h fsm.Header) []byte { return fsm.StageEnd(h, t.id, t.chunks, t.records, index) })
}

func (t *transfer) propose(entry func(fsm.Header) []byte) error {
	result, err := t.store.proposeEntry(t.ctx, entry)
	if err != nil {
		return err
	}
	if fsm.StageLost(result) {
		return fmt.Errorf("another backup is being restored: %w", api.ErrConflict)
	}
	return nil
}
