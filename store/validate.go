package store

import (
	"fmt"
	"strings"

	"github.com/droverhq/drover/api"
)

const (
	// MaxTxnBytes is the largest encoded transaction that a store accepts. It bounds
	// the memory that one proposal takes on every replica, and the time that it
	// keeps others waiting. Larger changes are split.
	MaxTxnBytes = 32 << 20
	// MaxKeyBytes is the longest key: kind, namespace and ID together.
	MaxKeyBytes = 4096
)

// Key returns the key that is written.
func (w Write) Key() api.Key {
	if w.Put != nil {
		return w.Put.Key()
	}
	return w.Delete
}

// Validate reports whether the transaction is well formed: every key is valid, no
// key is written twice, and every object is of a kind that is known. The error is an
// *api.InvalidError. Every store refuses a transaction that does not pass; its size
// is checked as it is encoded.
func (t Txn) Validate() error {
	invalid := &api.InvalidError{What: "transaction"}
	for i, c := range t.Conditions {
		if err := ValidateKey(c.Key); err != nil {
			invalid.Add(fmt.Sprintf("condition %d", i), err.Error())
		}
	}
	written := make(map[api.Key]int, len(t.Writes))
	for i, w := range t.Writes {
		wrong := func(message string) { invalid.Add(fmt.Sprintf("write %d", i), message) }
		if w.Put != nil && w.Delete != (api.Key{}) {
			wrong("both puts and deletes an object")
			continue
		}
		key := w.Key()
		if err := ValidateKey(key); err != nil {
			wrong(err.Error())
			continue
		}
		if w.Put != nil && !api.KnownKind(key.Kind) {
			wrong(fmt.Sprintf("kind %q is not known", key.Kind))
		}
		if first, twice := written[key]; twice {
			wrong(fmt.Sprintf("%s is written already by write %d", key, first))
		}
		written[key] = i
	}
	return invalid.OrNil()
}

// ValidateKey reports what is wrong with a key: kind and ID must be there, no part
// may hold a zero byte, and all together may be MaxKeyBytes long.
func ValidateKey(k api.Key) error {
	switch {
	case k.Kind == "":
		return fmt.Errorf("key %s has no kind", k)
	case k.ID == "":
		return fmt.Errorf("key %s has no ID", k)
	case strings.IndexByte(string(k.Kind), 0) >= 0, strings.IndexByte(k.Namespace, 0) >= 0, strings.IndexByte(k.ID, 0) >= 0:
		return fmt.Errorf("key %q has a zero byte", k.String())
	case len(k.Kind)+len(k.Namespace)+len(k.ID) > MaxKeyBytes:
		return fmt.Errorf("key of kind %s is longer than %d bytes", k.Kind, MaxKeyBytes)
	}
	return nil
}
