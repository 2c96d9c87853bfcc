// Package keys writes the keys of objects as bytes whose order is that of the keys:
// kind, then namespace, then ID. The same bytes stand in the raft log, in Pebble and in
// backups, and nothing else knows how they are made.
//
//	object key    kind 00 namespace 00 ID
//	database key  02 generation (4 bytes, big-endian) object key
//	              01 name, for what the state machine keeps about itself
//
// and the value of an object, in Pebble and in backups, is
//
//	uvarint create index, uvarint modify index, the object's bytes
//
// No part of a key holds a zero byte (store.ValidateKey), so none can run into the
// next. A generation is one set of objects: a snapshot that is received, or a backup
// that is restored, is written beside the current one and becomes current in one step.
package keys

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

const (
	metaTag   = 0x01
	objectTag = 0x02
	// prefixLen is the length of what a database key has before the object key.
	prefixLen = 5
)

// Append appends the object key of k.
func Append(dst []byte, k api.Key) []byte {
	dst = append(dst, k.Kind...)
	dst = append(dst, 0)
	dst = append(dst, k.Namespace...)
	dst = append(dst, 0)
	return append(dst, k.ID...)
}

// Len is the length of the object key of k.
func Len(k api.Key) int { return len(k.Kind) + len(k.Namespace) + len(k.ID) + 2 }

// Parse is the inverse of Append. The error says what is wrong with a key that
// Append did not make from a valid one.
func Parse(b []byte) (api.Key, error) {
	kind, rest, ok := bytes.Cut(b, []byte{0})
	ns, id, ok2 := bytes.Cut(rest, []byte{0})
	if !ok || !ok2 {
		return api.Key{}, fmt.Errorf("object key %q has fewer than three parts", b)
	}
	k := api.Key{Kind: Kind(kind), Namespace: string(ns), ID: string(id)}
	if err := store.ValidateKey(k); err != nil {
		return api.Key{}, err
	}
	return k, nil
}

// known holds one string per built-in kind, so that reading a key makes none.
var known = func() map[string]api.Kind {
	m := make(map[string]api.Kind)
	for _, k := range api.Kinds() {
		m[string(k)] = k
	}
	return m
}()

// Kind returns the bytes as a kind.
func Kind(b []byte) api.Kind {
	if k, ok := known[string(b)]; ok {
		return k
	}
	return api.Kind(b)
}

// Meta returns the database key of something that the state machine keeps about
// itself.
func Meta(name string) []byte { return append([]byte{metaTag}, name...) }

// AppendPrefix appends what the database keys of a generation start with; with an
// object key behind it, it is the database key of the object.
func AppendPrefix(dst []byte, generation uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, objectTag), generation)
}

// Object returns the object key in a database key.
func Object(db []byte) []byte { return db[prefixLen:] }

// DatabaseLen is the length of the database key of an object whose object key is n
// bytes long.
func DatabaseLen(n int) int { return prefixLen + n }

// Generation returns the first database key of a generation and the first behind it.
func Generation(g uint32) (from, to []byte) {
	return AppendPrefix(nil, g), AppendPrefix(nil, g+1)
}

// Objects returns the first database key of any object and the first behind all.
func Objects() (from, to []byte) { return []byte{objectTag}, []byte{objectTag + 1} }

// KindRange returns the first database key of a kind in a generation and the first
// behind it.
func KindRange(g uint32, k api.Kind) (from, to []byte) {
	p := append(AppendPrefix(nil, g), k...)
	return append(p[:len(p):len(p)], 0), append(p[:len(p):len(p)], 1)
}

// GenerationOf returns the generation of a database key of an object.
func GenerationOf(db []byte) uint32 { return binary.BigEndian.Uint32(db[1:]) }
