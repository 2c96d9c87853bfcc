package state

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

var contactKey = []byte("contact") // in the bucket node: Unix nanoseconds, big endian

// SaveContact stores when the agent was last in contact with a server.
func (db *DB) SaveContact(ctx context.Context, at time.Time) error {
	if db.bolt == nil {
		return nil
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))
	if err := db.write(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(node).Put(contactKey, b) }); err != nil {
		return fmt.Errorf("store the time of the last contact: %w", err)
	}
	return nil
}

// Contact returns what was last stored by SaveContact; zero if nothing was.
func (db *DB) Contact() (at time.Time, err error) {
	if db.bolt == nil {
		return at, nil
	}
	err = db.bolt.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(node).Get(contactKey); len(b) == 8 {
			at = time.Unix(0, int64(binary.BigEndian.Uint64(b)))
		}
		return nil
	})
	if err != nil {
		return at, fmt.Errorf("read the time of the last contact from %s: %w", db.bolt.Path(), err)
	}
	return at, nil
}
