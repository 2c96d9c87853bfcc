package fsm

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/droverhq/drover/store/keys"
	"github.com/droverhq/drover/store/table"
)

// maxBatchBytes is when a batch is committed although there are more entries: memory
// is bounded, and Pebble writes one of a fraction of its memtable best.
const maxBatchBytes = 4 << 20

// Update applies entries that follow those applied before, and sets their results.
// When it returns they are in the tables and handed to the database. It returns an
// error only when the machine cannot go on, after Options.Fatal.
func (m *Machine) Update(entries []Entry) error {
	if err := m.update(entries); err != nil {
		m.o.Fatal(err)
		return err
	}
	return nil
}

func (m *Machine) update(entries []Entry) error {
	batch := m.db.NewBatch()
	defer func() {
		if batch != nil {
			_ = batch.Close() // not committed: there is an error already
		}
	}()
	for i := range entries {
		e := &entries[i]
		if e.Index <= m.meta.applied {
			return fmt.Errorf("apply entry %d: entry %d is applied already", e.Index, m.meta.applied)
		}
		swapped, err := m.apply(batch, e)
		if err != nil {
			return fmt.Errorf("apply entry %d: %w", e.Index, err)
		}
		m.meta.applied = e.Index
		m.applied.Store(e.Index)
		if i < len(entries)-1 && batch.Len() < maxBatchBytes && !swapped {
			continue
		}
		done := batch
		batch = nil
		if err := m.commit(done, pebble.NoSync); err != nil {
			return err
		}
		if swapped {
			if err := m.reload(); err != nil {
				return err
			}
		}
		if i < len(entries)-1 {
			batch = m.db.NewBatch()
		}
	}
	return nil
}

// commit writes a batch with the state record.
func (m *Machine) commit(batch *pebble.Batch, sync *pebble.WriteOptions) error {
	m.buf = m.meta.append(m.buf[:0])
	err := batch.Set(metaKey, m.buf, nil)
	if err == nil {
		err = batch.Commit(sync)
	}
	if err = errors.Join(err, batch.Close()); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	m.committing.Lock()
	defer m.committing.Unlock()
	close(m.committed)
	m.committed = make(chan struct{})
	return nil
}

// nextCommit returns a channel that is closed when a further batch has reached the
// database.
func (m *Machine) nextCommit() <-chan struct{} {
	m.committing.Lock()
	defer m.committing.Unlock()
	return m.committed
}

// apply applies one entry; it says whether another generation became current.
func (m *Machine) apply(batch *pebble.Batch, e *Entry) (swapped bool, err error) {
	d := decoder{rest: e.Cmd}
	version, typ := d.byte(), entryType(d.byte())
	h := Header{Token: d.token(), Base: d.uvarint()}
	if len(e.Cmd) > 0 && version != entryVersion {
		return false, fmt.Errorf("it is of version %d, this program knows %d: run the newer one", version, entryVersion)
	}
	if d.err != nil {
		return false, d.err
	}
	if e.Index > h.Base+Window {
		e.Result = []byte{resultExpired}
		return false, nil
	}
	if result, again := m.recent.result(h.Token); again {
		e.Result = result
		return false, nil
	}
	switch typ {
	case entryGroup:
		e.Result, err = m.applyGroup(batch, &d, m.o.Local(h.Token))
	case entryStageBegin:
		e.Result, err = m.stageBegin(batch, &d)
	case entryStageChunk:
		e.Result, err = m.stageChunk(batch, &d)
	case entryStageEnd:
		e.Result, err = m.stageEnd(batch, &d)
		swapped = err == nil && e.Result[0] == stageDone
	default:
		err = fmt.Errorf("type %d is not known: run the newer program", typ)
	}
	if err != nil {
		return false, err
	}
	return swapped, m.recent.add(batch, done{e.Index, h.Token, e.Result})
}

func (m *Machine) applyGroup(batch *pebble.Batch, d *decoder, local []*Proposal) (result []byte, err error) {
	n := d.count(1)
	if len(local) != n {
		local = make([]*Proposal, n) // none at hand
	}
	for i := range n {
		b := d.field()
		if d.err != nil {
			break
		}
		t, err := decodeTxn(b, local[i])
		if err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		if result, err = m.applyTxn(batch, t, result); err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	return result, d.err
}

// applyTxn applies a transaction to the tables, which judge it, and adds its writes
// to the batch.
func (m *Machine) applyTxn(batch *pebble.Batch, t *txn, result []byte) ([]byte, error) {
	applied, conflict := m.tables.Apply(t.conditions, t.writes, t.size)
	if conflict != nil {
		return appendOutcome(result, t, 0, conflict), nil
	}
	m.meta.index = applied.Index
	for i, w := range t.raw {
		if err := m.write(batch, w, t.writes[i]); err != nil {
			return nil, err
		}
	}
	return appendOutcome(result, t, applied.Index, nil), nil
}

func (m *Machine) write(batch *pebble.Batch, raw rawWrite, w table.Write) error {
	if w.Object == nil {
		m.buf = append(keys.AppendPrefix(m.buf[:0], m.meta.generation), raw.key...)
		return batch.Delete(m.buf, nil)
	}
	create, modify := w.Object.Indexes()
	m.buf = keys.AppendIndexes(m.buf[:0], create, modify)
	op := batch.SetDeferred(keys.DatabaseLen(len(raw.key)), len(m.buf)+len(raw.bytes))
	prefix := keys.AppendPrefix(op.Key[:0], m.meta.generation)
	copy(op.Key[len(prefix):], raw.key)
	copy(op.Value[copy(op.Value, m.buf):], raw.bytes)
	return op.Finish()
}
