package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/droverhq/drover/store"
)

// An entry of the log starts with the version of its encoding and its type. The
// version is raised when an older program could not apply an entry; such an entry
// stops a replica that does not know it, because to skip it would be to diverge. It
// may be used once all servers know it.
const entryVersion = 1

type entryType byte

const (
	// entryGroup: token, uvarint number of transactions, each a field.
	entryGroup entryType = 1
	// entryStageBegin, entryStageChunk and entryStageEnd restore a backup, see
	// stage.go.
	entryStageBegin entryType = 2
	entryStageChunk entryType = 3
	entryStageEnd   entryType = 4
)

// Entry is a committed entry of the log.
type Entry struct {
	Index  uint64 // of the log
	Cmd    []byte
	Result []byte // set by Update
}

// Token marks an entry, so that the replica that proposed it knows it again. It must
// be unique.
type Token [16]byte

const tokenLen = len(Token{})

// AppendGroup appends the entry that applies the proposals, one after the other.
func AppendGroup(dst []byte, token Token, group ...*Proposal) []byte {
	dst = append(dst, entryVersion, byte(entryGroup))
	dst = append(dst, token[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(group)))
	for _, p := range group {
		dst = appendField(dst, p.bytes)
	}
	return dst
}

// The outcome of each transaction of a group stands in the entry's result, as one
// byte and
const (
	outcomeApplied  = 1 // uvarint index
	outcomeConflict = 2 // uvarint number of the condition, uvarint the index that it found
)

// Outcome is what became of one transaction.
type Outcome struct {
	Index    uint64
	Conflict *store.ConflictError // nil if it was applied
}

func appendOutcome(b []byte, t *txn, index uint64, conflict *store.ConflictError) []byte {
	if conflict == nil {
		return binary.AppendUvarint(append(b, outcomeApplied), index)
	}
	b = append(b, outcomeConflict)
	for i, c := range t.conditions {
		if c.Key == conflict.Key && c.ModifyIndex == conflict.Want {
			b = binary.AppendUvarint(b, uint64(i))
			break
		}
	}
	return binary.AppendUvarint(b, conflict.Have)
}

// Outcomes reads the result of an entry that AppendGroup made of the proposals.
func Outcomes(result []byte, group ...*Proposal) ([]Outcome, error) {
	d := decoder{rest: result}
	out := make([]Outcome, len(group))
	for i, p := range group {
		switch d.byte() {
		case outcomeApplied:
			out[i].Index = d.uvarint()
		case outcomeConflict:
			n, have := d.uvarint(), d.uvarint()
			if n >= uint64(len(p.conditions)) {
				d.fail(errors.New("no such condition"))
				break
			}
			c := p.conditions[n]
			out[i].Conflict = &store.ConflictError{Key: c.Key, Want: c.ModifyIndex, Have: have}
		default:
			d.fail(errors.New("no such outcome"))
		}
	}
	if d.err != nil {
		return nil, fmt.Errorf("read result: %w", d.err)
	}
	return out, nil
}
