package fsm

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/droverhq/drover/store/keys"
)

// A backup is restored by a series of entries, between which others may be applied:
//
//	begin  id
//	chunk  id, uvarint number of the chunk (from 0), records: field object key, field value
//	end    id, uvarint number of chunks, uvarint number of records, uvarint index of
//	       the backup
//
// The chunks are gathered under a generation of their own. The end makes it the
// current one if everything has arrived; what was written in between is gone, like
// everything else that the backup does not have. A later begin takes over.
const (
	stageKept = 1 // the entry had its effect, more must follow
	stageDone = 2 // the backup is restored
	stageLost = 3 // another restore took over, or a part is missing: nothing happened
)

// ChunkBytes is about how large a chunk of a backup should be.
const ChunkBytes = 1 << 20

// StageBegin returns the entry that starts to restore a backup.
func StageBegin(h Header, id Token) []byte {
	return append(appendHeader(nil, entryStageBegin, h), id[:]...)
}

// StageChunk returns the start of the chunk of that number, to which AppendRecord
// adds.
func StageChunk(h Header, id Token, number uint64) []byte {
	b := append(appendHeader(nil, entryStageChunk, h), id[:]...)
	return binary.AppendUvarint(b, number)
}

// AppendRecord appends an object key and a value (package keys) to a chunk.
func AppendRecord(chunk, key, value []byte) []byte {
	return appendField(appendField(chunk, key), value)
}

// StageEnd returns the entry that makes the backup current.
func StageEnd(h Header, id Token, chunks, records, index uint64) []byte {
	b := append(appendHeader(nil, entryStageEnd, h), id[:]...)
	b = binary.AppendUvarint(b, chunks)
	b = binary.AppendUvarint(b, records)
	return binary.AppendUvarint(b, index)
}

// StageLost reports whether the result of one of these entries says that the restore
// has failed because another took over.
func StageLost(result []byte) bool { return len(result) != 1 || result[0] == stageLost }

func (m *Machine) stageBegin(batch *pebble.Batch, d *decoder) ([]byte, error) {
	id := d.token()
	if d.err != nil {
		return nil, d.err
	}
	generation := m.meta.free()
	if err := m.drop(batch, m.meta.stage.generation); err != nil {
		return nil, err
	}
	m.meta.stage = stage{id: id, generation: generation}
	return []byte{stageKept}, nil
}

func (m *Machine) stageChunk(batch *pebble.Batch, d *decoder) ([]byte, error) {
	id, number := d.token(), d.uvarint()
	s := &m.meta.stage
	if d.err == nil && (s.generation == 0 || s.id != id || s.chunks != number) {
		return []byte{stageLost}, nil
	}
	for d.err == nil && len(d.rest) > 0 {
		key, value := d.field(), d.field()
		if d.err != nil {
			break
		}
		m.buf = append(keys.AppendPrefix(m.buf[:0], s.generation), key...)
		if err := batch.Set(m.buf, value, nil); err != nil {
			return nil, err
		}
		s.records++
	}
	s.chunks++
	return []byte{stageKept}, d.err
}

func (m *Machine) stageEnd(batch *pebble.Batch, d *decoder) ([]byte, error) {
	id, chunks, records, index := d.token(), d.uvarint(), d.uvarint(), d.uvarint()
	if d.err != nil {
		return nil, d.err
	}
	s := m.meta.stage
	if s.generation == 0 || s.id != id || s.chunks != chunks || s.records != records {
		return []byte{stageLost}, nil
	}
	if err := m.drop(batch, m.meta.generation); err != nil {
		return nil, err
	}
	m.meta.generation, m.meta.stage = s.generation, stage{}
	m.meta.index = max(m.meta.index, index) + 1
	return []byte{stageDone}, nil
}

// drop deletes all objects of a generation, unless it is 0.
func (m *Machine) drop(batch *pebble.Batch, generation uint32) error {
	if generation == 0 {
		return nil
	}
	from, to := keys.Generation(generation)
	if err := batch.DeleteRange(from, to, nil); err != nil {
		return fmt.Errorf("drop generation %d: %w", generation, err)
	}
	return nil
}
