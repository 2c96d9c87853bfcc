package keys

import (
	"encoding/binary"
	"errors"
)

// MaxValueOverhead is by how much a value may be longer than its object's bytes.
const MaxValueOverhead = 2 * binary.MaxVarintLen64

var errShortValue = errors.New("value ends before its indexes do")

// AppendIndexes appends the two indexes with which a value starts; the object's bytes
// follow.
func AppendIndexes(dst []byte, create, modify uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, create), modify)
}

// SplitValue returns the parts of a value. The bytes are not copied.
func SplitValue(v []byte) (create, modify uint64, object []byte, err error) {
	create, n := binary.Uvarint(v)
	if n <= 0 {
		return 0, 0, nil, errShortValue
	}
	modify, m := binary.Uvarint(v[n:])
	if m <= 0 {
		return 0, 0, nil, errShortValue
	}
	return create, modify, v[n+m:], nil
}
