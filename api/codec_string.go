package api

import (
	"encoding/hex"

	"github.com/tinylib/msgp/msgp"
)

// UUIDs are what objects are full of: of themselves, of nodes, of evaluations. In the
// stored form one is 16 bytes of msgp's type bin, any other string one of type str.
const (
	uuidLen   = 36
	uuidBytes = 16
	binHeader = "\xc4\x10" // bin, of 16 bytes
)

// dash is where a UUID has its dashes.
var dash = [...]int{8, 13, 18, 23}

// appendString appends the stored form of a string.
func appendString(b []byte, s string) []byte {
	if len(s) == uuidLen {
		if packed, ok := packUUID(s); ok {
			return append(append(b, binHeader...), packed[:]...)
		}
	}
	return msgp.AppendString(b, s)
}

// readString reads what appendString, or an older version, appended.
func readString(b []byte) (string, []byte, error) {
	if len(b) >= len(binHeader)+uuidBytes && string(b[:len(binHeader)]) == binHeader {
		text := unpackUUID(b[len(binHeader):])
		return string(text[:]), b[len(binHeader)+uuidBytes:], nil
	}
	return msgp.ReadStringBytes(b)
}

// packUUID returns the bytes of a UUID. It is false for a string that is not what
// unpackUUID makes of any.
func packUUID(s string) (packed [uuidBytes]byte, ok bool) {
	var digits [2 * uuidBytes]byte
	from, to := 0, 0
	for _, at := range dash {
		if s[at] != '-' {
			return packed, false
		}
		to += copy(digits[to:], s[from:at])
		from = at + 1
	}
	copy(digits[to:], s[from:])
	for _, c := range digits {
		if 'A' <= c && c <= 'F' { // would come back in lower case
			return packed, false
		}
	}
	_, err := hex.Decode(packed[:], digits[:])
	return packed, err == nil
}

// unpackUUID returns the text of the UUID at the start of b.
func unpackUUID(b []byte) (text [uuidLen]byte) {
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:uuidBytes])
	for _, at := range dash {
		text[at] = '-'
	}
	return text
}

// What the stored form of an object's ID begins with, as kinds name the field.
const (
	idField      = "\xa2id"
	otherIDField = "\xa2ID"
)

// storedID returns what an object in its stored form has as its ID, still encoded: the
// 16 bytes of a UUID, or a string. ok is false for a form whose first field is not the ID.
func storedID(stored []byte) (uuid, text []byte, ok bool) {
	const fixMap, map16 = 0x80, 0xde // headers of one byte, with the number of fields, and of three
	switch {
	case len(stored) > 0 && stored[0]&0xf0 == fixMap:
		stored = stored[1:]
	case len(stored) > 2 && stored[0] == map16:
		stored = stored[3:]
	default:
		return nil, nil, false
	}
	if len(stored) < len(idField) || string(stored[:len(idField)]) != idField && string(stored[:len(idField)]) != otherIDField {
		return nil, nil, false
	}
	stored = stored[len(idField):]
	if len(stored) >= len(binHeader)+uuidBytes && string(stored[:len(binHeader)]) == binHeader {
		return stored[len(binHeader):], nil, true
	}
	text, _, err := msgp.ReadStringZC(stored)
	return nil, text, err == nil
}

// CompareID compares an ID with that of an object in its stored form, without reading
// the object. It is false for a form whose first field is not the ID.
func CompareID(id string, stored []byte) (order int, ok bool) {
	uuid, have, ok := storedID(stored)
	if uuid != nil {
		text := unpackUUID(uuid)
		return compare(id, text[:]), true
	}
	return compare(id, have), ok
}

// StoredID returns the ID of an object in its stored form, without reading the object. It
// is false for a form whose first field is not the ID.
func StoredID(stored []byte) (id string, ok bool) {
	uuid, have, ok := storedID(stored)
	if uuid != nil {
		text := unpackUUID(uuid)
		return string(text[:]), true
	}
	return string(have), ok
}

// compare does not copy b, which a conversion for strings.Compare would.
func compare(a string, b []byte) int {
	switch {
	case a == string(b):
		return 0
	case a < string(b):
		return -1
	}
	return 1
}
