package api

import "fmt"

// What programs outside of the servers read and write objects with, never stored.
//
//msgp:ignore StoredObject TxnRequest TxnCondition TxnWrite TxnKey

// StoredObject is an object in its stored form (msgp), as programs in Go follow and
// write them outside of the servers. Other clients use the JSON form.
type StoredObject struct {
	Kind        Kind
	Namespace   string `json:",omitempty"`
	ID          string
	CreateIndex uint64 `json:",omitempty"`
	ModifyIndex uint64 `json:",omitempty"`
	Bytes       []byte
}

// Store returns an object in its stored form.
func Store(o Object) (*StoredObject, error) {
	key := o.Key()
	b, err := o.MarshalMsg(nil)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", key, err)
	}
	create, modify := o.Indexes()
	return &StoredObject{Kind: key.Kind, Namespace: key.Namespace, ID: key.ID, CreateIndex: create, ModifyIndex: modify, Bytes: b}, nil
}

// Object returns the object. The bytes may come from anywhere.
func (s *StoredObject) Object() (Object, error) {
	o, err := Decode(s.Kind, s.Bytes)
	if err != nil {
		return nil, err
	}
	if want := (Key{Kind: s.Kind, Namespace: s.Namespace, ID: s.ID}); o.Key() != want {
		return nil, fmt.Errorf("decode %s: it holds %s", want, o.Key())
	}
	o.SetIndexes(s.CreateIndex, s.ModifyIndex)
	return o, nil
}

// TxnRequest is the body of PUT /v1/txn: all of its writes are made, at one index, or,
// if a condition does not hold, none.
type TxnRequest struct {
	Conditions []TxnCondition
	Writes     []TxnWrite
}

// TxnKey is the key of an object.
type TxnKey struct {
	Kind      Kind
	Namespace string `json:",omitempty"`
	ID        string
}

// TxnCondition says that the object at a key was last written at an index, or, if that
// is 0, that there is none.
type TxnCondition struct {
	TxnKey
	ModifyIndex uint64
}

// TxnWrite puts an object, or deletes the one at a key.
type TxnWrite struct {
	Put    *StoredObject `json:",omitempty"`
	Delete *TxnKey       `json:",omitempty"`
}

// The types of events of a stream of stored objects (?kind=): the topic is the kind, the
// payload's member Object is a StoredObject, without bytes if it was deleted.
const (
	EventObjectListed  = "ObjectListed"  // it is there
	EventObjectsListed = "ObjectsListed" // that were all: changes follow
	EventObjectWritten = "ObjectWritten"
	EventObjectDeleted = "ObjectDeleted"
	EventPayloadObject = "Object"
)

// Followed reports whether programs outside of the servers may follow a kind in its
// stored form: all but what servers keep for themselves.
func Followed(k Kind) bool {
	switch k {
	case KindLeadership, KindNodeSession, KindVariable, KindRootKey:
		return false
	}
	_, known := NewObject(k)
	return known
}
