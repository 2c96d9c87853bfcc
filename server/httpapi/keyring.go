package httpapi

import (
	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// listKeys is GET /v1/operator/keyring/keys.
func listKeys(s store.Snapshot, c *call) (any, error) {
	return listing[*api.RootKey]{
		items: store.List[*api.RootKey](s, store.Query{}),
		key:   func(k *api.RootKey) string { return byCreation(k.CreateIndex, k.ID) },
		view:  func(k *api.RootKey) any { return k.Meta() },
	}.answer(c)
}

// rotateKey is PUT /v1/operator/keyring/rotate: new variables are sealed with a new key.
// With ?full what there is is sealed anew, too, by the leader.
func rotateKey(c *call) error {
	full, err := c.flag("full")
	if err != nil {
		return err
	}
	if algorithm := c.query.Get("algo"); algorithm != "" && algorithm != api.AlgorithmAES256GCM {
		return notSupported("%s", otherAlgorithms)
	}
	if at, err := c.number("publish_time"); err != nil {
		return err
	} else if at != 0 {
		return notSupported("%s", publishingKeys)
	}
	key, err := c.api.keyring.NewKey(c.api.now())
	if err != nil {
		return err
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		return planRotation(s, key, full), nil
	})
	if err != nil {
		return err
	}
	meta := key.Meta()
	meta.CreateIndex, meta.ModifyIndex = index, index
	c.indexHeader(index)
	return c.answer(api.KeyringRotateResponse{Key: meta, Index: index})
}

// planRotation returns the transaction that makes a key the active one.
func planRotation(s store.Snapshot, key *api.RootKey, full bool) store.Txn {
	txn := store.Txn{Conditions: []store.Condition{store.Absent(key.Key())}, Writes: []store.Write{store.Put(key)}}
	for old := range store.List[*api.RootKey](s, store.Query{}) {
		next := *old
		switch {
		case full && old.State != api.RootKeyDeprecated:
			next.State = api.RootKeyRekeying
		case old.State == api.RootKeyActive:
			next.State = api.RootKeyInactive
		}
		if next.State != old.State {
			txn.Conditions = append(txn.Conditions, store.Unchanged(old))
			txn.Writes = append(txn.Writes, store.Put(&next))
		}
	}
	return txn
}

// removeKey is DELETE /v1/operator/keyring/key/ID. With ?force also a key goes that
// variables are sealed with, which then can't be read any more.
func removeKey(c *call) error {
	id, err := c.id("id", "root key")
	if err != nil {
		return err
	}
	force, err := c.flag("force")
	if err != nil {
		return err
	}
	index, err := c.api.change(c.http.Context(), func(s store.Snapshot) (store.Txn, error) {
		key := get[*api.RootKey](s, api.RootKeyKey(id))
		if key == nil {
			return store.Txn{}, notFound("root key")
		}
		if key.State == api.RootKeyActive {
			return store.Txn{}, malformed("active root key cannot be deleted - call rotate first")
		}
		if n := sealedWith(s, id); n > 0 && !force {
			return store.Txn{}, malformed("%d variables are sealed with root key %s, and could not be read any more: seal them anew with rotate -full first, or force it", n, id)
		}
		return store.Txn{Conditions: []store.Condition{store.Unchanged(key)}, Writes: []store.Write{store.Delete(key.Key())}}, nil
	})
	if err != nil {
		return err
	}
	c.indexHeader(index)
	return nil
}

// sealedWith counts the variables that a key has sealed.
func sealedWith(s store.Snapshot, keyID string) (n int) {
	for v := range store.List[*api.SealedVariable](s, store.Query{}) {
		if v.KeyID == keyID {
			n++
		}
	}
	return n
}
