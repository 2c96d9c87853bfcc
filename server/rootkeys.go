package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server/keyring"
	"github.com/droverhq/drover/store"
)

// openKeystore opens the keystore of a server, or makes one if the store has no root keys
// yet. Errors: keyring.ErrKeystore, with what to do.
func openKeystore(path string, s store.Snapshot) (*keyring.Keystore, error) {
	keys := store.Query{Kind: api.KindRootKey}
	k, err := keyring.OpenKeystore(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.Count(keys) == 0:
		return keyring.MakeKeystore(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s is missing, and the store has %d root keys that nothing else can unwrap: restore the file from a backup, or copy it from another server of the cluster",
			keyring.ErrKeystore, path, s.Count(keys))
	case err != nil:
		return nil, err
	}
	ring := keyring.New(k)
	var refused error
	for key := range store.List[*api.RootKey](s, store.Query{}) {
		if refused = ring.Usable(key); refused == nil {
			return k, nil
		}
	}
	if refused != nil {
		return nil, fmt.Errorf("%w: %s is that of another cluster, as it unwraps none of the store's root keys: %w", keyring.ErrKeystore, path, refused)
	}
	return k, nil
}

// keyWrites makes a new root key active if none is that can be used: in a new cluster,
// and where a snapshot was restored without its keystore.
func keyWrites(s store.Snapshot, ring *keyring.Keyring, now time.Time) (store.Txn, error) {
	var txn store.Txn
	active, err := keyring.Active(s)
	if err == nil {
		if err = ring.Usable(active); err == nil {
			return txn, nil
		}
		retired := *active
		retired.State = api.RootKeyInactive
		txn.Conditions = append(txn.Conditions, store.Unchanged(active))
		txn.Writes = append(txn.Writes, store.Put(&retired))
	}
	key, err := ring.NewKey(now)
	if err != nil {
		return txn, err
	}
	txn.Conditions = append(txn.Conditions, store.Absent(key.Key()))
	txn.Writes = append(txn.Writes, store.Put(key))
	return txn, nil
}

// resealAtOnce is how many variables are sealed anew in one transaction.
const resealAtOnce = 16

// reseal seals what was sealed with keys that are rekeying with the active one. What can't
// be read keeps its key, which stays as it is.
func (s *Server) reseal(ctx context.Context) error {
	for key := range store.List[*api.RootKey](s.store.Snapshot(), store.Query{}) {
		if key.State != api.RootKeyRekeying {
			continue
		}
		if err := s.resealKey(ctx, key); errors.Is(err, keyring.ErrNoKey) {
			s.log.Error(err, "variables can't be sealed anew", "key", key.ID)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) resealKey(ctx context.Context, key *api.RootKey) error {
	for {
		if err := s.store.Sync(ctx); err != nil {
			return err
		}
		txn, err := resealing(s.store.Snapshot(), s.keyring, key)
		if err != nil {
			return err
		}
		done := len(txn.Writes) == 0
		if done {
			deprecated := *key
			deprecated.State = api.RootKeyDeprecated
			txn.Conditions = append(txn.Conditions, store.Unchanged(key))
			txn.Writes = append(txn.Writes, store.Put(&deprecated))
		}
		if _, err := s.store.Apply(ctx, txn); err != nil && !errors.Is(err, api.ErrConflict) {
			return err
		}
		if done {
			return nil
		}
	}
}

// resealing returns the transaction that seals some of the variables of a key anew; it has
// no writes if there are none left.
func resealing(snap store.Snapshot, ring *keyring.Keyring, key *api.RootKey) (store.Txn, error) {
	active, err := keyring.Active(snap)
	if err != nil {
		return store.Txn{}, err
	}
	txn := store.Txn{Conditions: []store.Condition{store.Unchanged(active)}}
	for sealed := range store.List[*api.SealedVariable](snap, store.Query{}) {
		if sealed.KeyID != key.ID {
			continue
		}
		v, err := ring.Open(snap, sealed)
		if err != nil {
			return store.Txn{}, err
		}
		next, err := ring.Seal(snap, v)
		if err != nil {
			return store.Txn{}, err
		}
		txn.Conditions = append(txn.Conditions, store.Unchanged(sealed))
		txn.Writes = append(txn.Writes, store.Put(next))
		if len(txn.Writes) == resealAtOnce {
			break
		}
	}
	return txn, nil
}
