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

// compareID compares an ID with that of the object, if its stored form is there and its
// key is its ID. It is false for others.
func (r *record) compareID(id string) (order int, ok bool) {
	if r.stored == "" {
		return 0, false
	}
	_, _, bytes := r.parts()
	return api.CompareID(id, bytes)
}

// id returns the object's ID, if its stored form is there and its key is its ID. It is
// false for others.
func (r *record) id() (id string, ok bool) {
	if r.stored == "" {
		return "", false
	}
	_, _, bytes := r.parts()
	return api.StoredID(bytes)
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
