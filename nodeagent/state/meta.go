package state

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

var (
	node    = []byte("node")
	metaKey = []byte("meta") // in the bucket node: what was set of the node's meta, as JSON
)

// SaveMeta stores what was set of the node's meta and returns when it is on disk.
func (db *DB) SaveMeta(ctx context.Context, meta map[string]*string) error {
	if db.bolt == nil {
		return nil
	}
	b, err := json.Marshal(meta)
	if err == nil {
		err = db.write(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(node).Put(metaKey, b) })
	}
	if err != nil {
		return fmt.Errorf("store the node's meta: %w", err)
	}
	return nil
}

// Meta returns what was last stored by SaveMeta; nil if nothing was.
func (db *DB) Meta() (map[string]*string, error) {
	if db.bolt == nil {
		return nil, nil
	}
	var meta map[string]*string
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(node).Get(metaKey)
		if b == nil {
			return nil
		}
		return json.Unmarshal(b, &meta)
	})
	if err != nil {
		return nil, fmt.Errorf("read the node's meta from %s: %w", db.bolt.Path(), err)
	}
	return meta, nil
}
