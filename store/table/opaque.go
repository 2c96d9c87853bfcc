package table

import (
	"fmt"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store/keys"
)

// Opaque is an object of a kind that this version does not know: a newer one wrote
// it. Its bytes are kept as they are.
type Opaque struct {
	api.ObjectMeta
	key   api.Key
	bytes []byte
}

// NewOpaque returns the object at key with those bytes, which it keeps.
func NewOpaque(key api.Key, bytes []byte) *Opaque { return &Opaque{key: key, bytes: bytes} }

// Key implements api.Object.
func (o *Opaque) Key() api.Key {
	if o == nil {
		return api.Key{}
	}
	return o.key
}

// MarshalMsg implements api.Object.
func (o *Opaque) MarshalMsg(b []byte) ([]byte, error) { return append(b, o.bytes...), nil }

// UnmarshalMsg implements api.Object. It takes all bytes that are given.
func (o *Opaque) UnmarshalMsg(b []byte) ([]byte, error) {
	o.bytes = append([]byte(nil), b...)
	return nil, nil
}

// Msgsize implements api.Object.
func (o *Opaque) Msgsize() int { return len(o.bytes) }

// Decode makes a fresh object from its stored form. An object of an unknown kind
// keeps a copy of the bytes.
func Decode(key api.Key, bytes []byte) (api.Object, error) {
	o, known := api.NewObject(key.Kind)
	if !known {
		o = &Opaque{key: key}
	}
	if _, err := o.UnmarshalMsg(bytes); err != nil {
		return nil, err
	}
	return o, nil
}

// DecodeStored makes a fresh object, with its indexes, from an object key and a value
// (package keys), and returns the part of the value that is its stored form. The error
// is an *api.InvalidError.
func DecodeStored(key, value []byte) (o api.Object, stored []byte, err error) {
	k, err := keys.Parse(key)
	if err != nil {
		return nil, nil, &api.InvalidError{What: "stored object", Fields: []api.FieldError{{Message: err.Error()}}}
	}
	create, modify, stored, err := keys.SplitValue(value)
	if err == nil {
		if o, err = Decode(k, stored); err == nil && o.Key() != k {
			err = fmt.Errorf("it holds %s", o.Key())
		}
		if err == nil {
			o.SetIndexes(create, modify)
			return o, stored, nil
		}
	}
	return nil, nil, &api.InvalidError{What: "stored object " + k.String(), Fields: []api.FieldError{{Message: err.Error()}}}
}
