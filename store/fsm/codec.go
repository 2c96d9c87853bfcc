package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/keys"
	"github.com/droverhq/drover/store/table"
)

// A transaction is encoded as
//
//	uvarint number of conditions, each: field object key, uvarint modify index
//	uvarint number of writes, each: field object key, 1 byte put or delete,
//	                                for put: field object bytes
//
// where a field is its uvarint length and its bytes.
const (
	opPut    = 1
	opDelete = 2
)

var errTruncated = errors.New("it ends too early")

// Proposal is a transaction on its way into the log.
type Proposal struct {
	conditions []store.Condition
	bytes      []byte
	// writes are objects that the tables of this replica take over when the proposal is
	// applied: given, or decoded from bytes. Decoding here takes the work from the one
	// goroutine that applies, and makes sure that every replica can do it.
	writes []table.Write
}

// Size is the length of the encoded transaction.
func (p *Proposal) Size() int { return len(p.bytes) }

// Encode validates a transaction and makes the bytes of it: those of its objects are
// the ones that go into the log, to other replicas and into Pebble. Errors:
// *api.InvalidError, api.ErrTooLarge.
func Encode(txn store.Txn) (*Proposal, error) {
	if err := txn.Validate(); err != nil {
		return nil, err
	}
	size := 2 * binary.MaxVarintLen64
	for _, c := range txn.Conditions {
		size += keys.Len(c.Key) + 2*binary.MaxVarintLen64
	}
	for _, w := range txn.Writes {
		size += keys.Len(w.Key()) + 2*binary.MaxVarintLen32 + 1
		if w.Put != nil {
			size += w.Put.Msgsize()
		}
	}
	// Msgsize is a bound, commonly of twice the length.
	p := &Proposal{conditions: txn.Conditions, bytes: make([]byte, 0, min(size/2, store.MaxTxnBytes))}
	if err := p.encode(txn); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Proposal) encode(txn store.Txn) error {
	b := binary.AppendUvarint(p.bytes, uint64(len(txn.Conditions)))
	for _, c := range txn.Conditions {
		b = appendKey(b, c.Key)
		b = binary.AppendUvarint(b, c.ModifyIndex)
	}
	b = binary.AppendUvarint(b, uint64(len(txn.Writes)))
	p.writes = make([]table.Write, len(txn.Writes))
	var object []byte
	for i, w := range txn.Writes {
		key := w.Key()
		b = appendKey(b, key)
		if w.Put == nil {
			b = append(b, opDelete)
			p.writes[i].Key = key
			continue
		}
		var err error
		if object, err = w.Put.MarshalMsg(object[:0]); err != nil {
			return fmt.Errorf("encode %s: %w", key, err)
		}
		b = append(b, opPut)
		b = appendField(b, object)
		if len(b) > store.MaxTxnBytes {
			return fmt.Errorf("transaction of more than %d bytes: %w", store.MaxTxnBytes, api.ErrTooLarge)
		}
		fresh := w.Put
		if !w.Given {
			if fresh, err = table.Decode(key, object); err != nil {
				return fmt.Errorf("decode %s: %w", key, err)
			}
		}
		p.writes[i] = table.Write{Key: fresh.Key(), Object: fresh}
	}
	if len(b) > store.MaxTxnBytes {
		return fmt.Errorf("transaction of more than %d bytes: %w", store.MaxTxnBytes, api.ErrTooLarge)
	}
	p.bytes = b
	return nil
}

func appendKey(b []byte, k api.Key) []byte {
	return keys.Append(binary.AppendUvarint(b, uint64(keys.Len(k))), k)
}

func appendField(b, field []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

// txn is a transaction read from the log. Its slices point into the entry.
type txn struct {
	conditions []store.Condition
	writes     []table.Write
	raw        []rawWrite // of each write
	size       int
}

// rawWrite is what is written to Pebble.
type rawWrite struct {
	key   []byte // object key
	bytes []byte // of the object; nil for a delete
}

// decodeTxn reads a transaction. With the proposal that it was made of at hand, its
// conditions and objects are taken instead of being decoded again.
func decodeTxn(b []byte, local *Proposal) (*txn, error) {
	r := decoder{rest: b}
	t := &txn{size: len(b)}
	if local != nil {
		t.conditions, t.writes = local.conditions, local.writes
	}
	n := r.count(2)
	for range n {
		key, modify := r.field(), r.uvarint()
		if local == nil && r.err == nil {
			k, err := keys.Parse(key)
			r.fail(err)
			t.conditions = append(t.conditions, store.Condition{Key: k, ModifyIndex: modify})
		}
	}
	n = r.count(2)
	t.raw = make([]rawWrite, 0, n)
	for range n {
		w := rawWrite{key: r.field()}
		switch op := r.byte(); op {
		case opPut:
			w.bytes = r.field()
		case opDelete:
		default:
			r.fail(fmt.Errorf("operation %d is not known", op))
		}
		if r.err != nil {
			return nil, r.err
		}
		t.raw = append(t.raw, w)
		if local == nil {
			write, err := decodeWrite(w)
			if err != nil {
				return nil, err
			}
			t.writes = append(t.writes, write)
		}
		if n := len(t.raw); n <= len(t.writes) {
			t.writes[n-1].Stored = w.bytes
		}
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail(errors.New("something follows its end"))
	}
	if r.err == nil && len(t.writes) != len(t.raw) {
		r.fail(errors.New("it is not the one that was proposed"))
	}
	return t, r.err
}

func decodeWrite(w rawWrite) (table.Write, error) {
	key, err := keys.Parse(w.key)
	if err != nil || w.bytes == nil {
		return table.Write{Key: key}, err
	}
	o, err := table.Decode(key, w.bytes)
	if err != nil {
		return table.Write{}, fmt.Errorf("decode %s: %w", key, err)
	}
	stored := o.Key()
	if stored != key {
		return table.Write{}, fmt.Errorf("%s is stored as %s", stored, key)
	}
	return table.Write{Key: stored, Object: o}, nil
}

// decoder reads fields off the front of bytes. After its first error it returns
// zero values.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail(errTruncated)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads a number of things that take at least size bytes each.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.rest)/size) {
		d.fail(errTruncated)
		return 0
	}
	return int(n)
}

// field returns bytes that are never nil, unless there was an error.
func (d *decoder) field() []byte {
	n := d.uvarint()
	if d.err == nil && n > uint64(len(d.rest)) {
		d.fail(errTruncated)
	}
	if d.err != nil {
		return nil
	}
	f := d.rest[:n:n]
	d.rest = d.rest[n:]
	return f
}

func (d *decoder) byte() byte {
	if d.err == nil && len(d.rest) == 0 {
		d.fail(errTruncated)
	}
	if d.err != nil {
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}
