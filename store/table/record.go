package table

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/keys"
)

// record is one version of an object, as tables and the feed keep it. Of the kinds that
// there are millions of that is the stored form, which takes a fraction of the memory of
// the object and which the garbage collector need not look into; the object is kept
// beside it while it is new, and made again for whoever reads it later. Of other kinds it
// is the object.
type record struct {
	// stored is the object's value as package keys has it: indexes and bytes. It is
	// empty if the object is kept.
	stored string
	object atomic.Pointer[api.Object]
}

// newRecord returns the record of an object for a table: of its stored form, if there is
// one and the table wants it, or else of the object. It returns buf, which it may use.
func newRecord(r relation, o api.Object, stored, buf []byte) (*record, []byte) {
	if !r.packs() || len(stored) == 0 {
		kept := &record{}
		kept.object.Store(&o)
		return kept, buf
	}
	create, modify := o.Indexes()
	buf = append(keys.AppendIndexes(buf[:0], create, modify), stored...)
	return &record{stored: string(buf)}, buf
}

// get returns the object, of that kind.
func (r *record) get(k api.Kind) api.Object {
	if o := r.object.Load(); o != nil {
		return *o
	}
	create, modify, bytes := r.parts()
	o, err := Decode(api.Key{Kind: k}, bytes)
	if err != nil { // it was decoded, or made by the codec, before it was kept
		panic(fmt.Sprintf("table: stored form of an object of kind %s: %v", k, err))
	}
	o.SetIndexes(create, modify)
	return o
}

// cool lets go of an object that can be made again.
func (r *record) cool() {
	if r != nil && r.stored != "" {
		r.object.Store(nil)
	}
}

// indexes returns the indexes of the object.
func (r *record) indexes() (create, modify uint64) {
	if r.stored == "" {
		return (*r.object.Load()).Indexes()
	}
	create, modify, _ = r.parts()
	return create, modify
}

// parts returns what is stored. The bytes must not be changed.
func (r *record) parts() (create, modify uint64, bytes []byte) {
	create, modify, bytes, err := keys.SplitValue(unsafe.Slice(unsafe.StringData(r.stored), len(r.stored)))
	if err != nil {
		panic(fmt.Sprintf("table: %v", err))
	}
	return create, modify, bytes
}

// id returns the ID in the stored form of an object whose key is its ID: the first
// field, named "id". It is false for a form that looks different, or for none.
func (r *record) id() (string, bool) {
	if r.stored == "" {
		return "", false
	}
	_, _, bytes := r.parts()
	s := r.stored[len(r.stored)-len(bytes):]
	const short = 0x80 | 0x0f // a map of up to 15 fields, in one byte
	switch {
	case len(s) > 0 && s[0]|0x0f == short:
		s = s[1:]
	case len(s) > 2 && s[0] == 0xde: // of up to 65,535, in three
		s = s[3:]
	default:
		return "", false
	}
	const field = "\xa2id"
	if len(s) < len(field)+2 || s[:len(field)] != field {
		return "", false
	}
	s = s[len(field):]
	n := 0
	switch {
	case s[0]&0xe0 == 0xa0: // a string of up to 31 bytes
		n, s = int(s[0]&0x1f), s[1:]
	case s[0] == 0xd9: // of up to 255
		n, s = int(s[1]), s[2:]
	default:
		return "", false
	}
	if len(s) < n {
		return "", false
	}
	return s[:n], true
}

// delta is what a transaction did to one key.
type delta struct {
	key      api.Key
	old, new *record // nil: there was, or is, none
}

// change returns the delta with its objects.
func (d *delta) change(index uint64) store.Change {
	c := store.Change{Index: index, Key: d.key}
	if d.old != nil {
		c.Old = d.old.get(d.key.Kind)
	}
	if d.new != nil {
		c.New = d.new.get(d.key.Kind)
	}
	return c
}
