package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/droverhq/drover/store"
)

// An entry of the log starts with the version of its encoding, its type and a header.
// The version is raised when an older program could not apply an entry; such an entry
// stops a replica that does not know it, because to skip it would be to diverge. It
// may be used once all servers know it.
const entryVersion = 1

type entryType byte

const (
	// entryGroup: uvarint number of transactions, each a field.
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

// Token is a number that is not used twice.
type Token [16]byte

// Header stands at the start of every entry. It lets a replica propose an entry again
// when it does not know whether the first one has got lost: of entries with the same
// token only the first has an effect, and all have its result.
type Header struct {
	// Token is that of the entry, on all replicas.
	Token Token
	// Base is what Applied was where the entry was first proposed. Tokens are
	// remembered for Window entries of the log, so an entry that comes later than that
	// after its base is expired and has no effect.
	Base uint64
}

// Window is how many entries of the log are remembered.
const Window = 4096

func appendHeader(dst []byte, typ entryType, h Header) []byte {
	dst = append(dst, entryVersion, byte(typ))
	dst = append(dst, h.Token[:]...)
	return binary.AppendUvarint(dst, h.Base)
}

func (d *decoder) token() (t Token) {
	for i := range t {
		t[i] = d.byte()
	}
	return t
}

// AppendGroup appends the entry that applies the proposals, one after the other.
func AppendGroup(dst []byte, h Header, group ...*Proposal) []byte {
	dst = appendHeader(dst, entryGroup, h)
	dst = binary.AppendUvarint(dst, uint64(len(group)))
	for _, p := range group {
		dst = appendField(dst, p.bytes)
	}
	return dst
}

// resultExpired is the result of an entry that came too late.
const resultExpired = 0

// Expired reports whether the result of an entry says that it came too late. If it was
// proposed once only, it certainly had no effect.
func Expired(result []byte) bool { return len(result) == 1 && result[0] == resultExpired }

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
