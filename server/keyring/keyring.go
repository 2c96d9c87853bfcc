package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

// ErrNoKey says that something can't be sealed, or opened, because of the key that it
// takes; the text says what to do.
var ErrNoKey = errors.New("the key is not there")

// Keyring seals and opens variables with the root keys of the store. Its methods may be
// called concurrently.
type Keyring struct {
	keystore *Keystore

	mu      sync.Mutex // guards ciphers
	ciphers map[string]cipher.AEAD
}

// New returns a keyring that unwraps root keys with the keystore.
func New(k *Keystore) *Keyring { return &Keyring{keystore: k, ciphers: map[string]cipher.AEAD{}} }

// NewKey makes a root key, active and wrapped, which is still to be stored.
func (k *Keyring) NewKey(now time.Time) (*api.RootKey, error) {
	root := make([]byte, keyBytes)
	if _, err := rand.Read(root); err != nil {
		return nil, fmt.Errorf("make a root key: %w", err)
	}
	key := &api.RootKey{
		ID: uuid.NewString(), Algorithm: api.AlgorithmAES256GCM, State: api.RootKeyActive,
		CreateTime: now.UnixNano(), KEK: k.keystore.first,
	}
	key.Wrapped = k.keystore.ciphers[key.KEK].Seal(nil, nil, root, boundToKey(key.ID))
	return key, nil
}

// Usable says, as ErrNoKey, why the keyring can't unwrap a root key.
func (k *Keyring) Usable(key *api.RootKey) error {
	_, err := k.cipher(key)
	return err
}

// cipher returns what a root key seals variables with.
func (k *Keyring) cipher(key *api.RootKey) (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.ciphers[key.ID]; c != nil {
		return c, nil
	}
	kek := k.keystore.ciphers[key.KEK]
	if kek == nil {
		return nil, fmt.Errorf("%w: root key %s was wrapped with the key-encryption key %s, which is not in %s: add its line from a backup of the keystore, and restart the server",
			ErrNoKey, key.ID, key.KEK, k.keystore.path)
	}
	root, err := kek.Open(nil, nil, key.Wrapped, boundToKey(key.ID))
	if err != nil {
		return nil, fmt.Errorf("%w: root key %s is damaged, or not what the keystore's key %s has wrapped", ErrNoKey, key.ID, key.KEK)
	}
	c, err := variablesCipher(root)
	if err != nil {
		return nil, err
	}
	k.ciphers[key.ID] = c
	return c, nil
}

// Active returns the root key that new variables are sealed with. Errors: ErrNoKey and
// api.ErrNoLeader, as the leader makes one.
func Active(s store.Snapshot) (*api.RootKey, error) {
	for key := range store.List[*api.RootKey](s, store.Query{}) {
		if key.State == api.RootKeyActive {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: %w has made a root key yet; try again", ErrNoKey, api.ErrNoLeader)
}

// Seal returns a variable as it is to be stored, sealed with the active key. Errors: ErrNoKey.
func (k *Keyring) Seal(s store.Snapshot, v *api.Variable) (*api.SealedVariable, error) {
	key, err := Active(s)
	if err != nil {
		return nil, err
	}
	c, err := k.cipher(key)
	if err != nil {
		return nil, err
	}
	items, err := json.Marshal(v.Items)
	if err != nil {
		return nil, fmt.Errorf("encode the items of variable %q: %w", v.Path, err)
	}
	return &api.SealedVariable{
		Namespace: v.Namespace, Path: v.Path, KeyID: key.ID, CreateTime: v.CreateTime, ModifyTime: v.ModifyTime,
		Sealed: c.Seal(nil, nil, items, boundToVariable(v.Namespace, v.Path, key.ID)),
	}, nil
}

// Open returns a variable as users know it. Errors: ErrNoKey if its key is not there, or it
// was tampered with.
func (k *Keyring) Open(s store.Snapshot, v *api.SealedVariable) (*api.Variable, error) {
	key, ok := store.Get[*api.RootKey](s, api.RootKeyKey(v.KeyID))
	if !ok {
		return nil, fmt.Errorf("%w: variable %q was sealed with the root key %s, which has been removed", ErrNoKey, v.Path, v.KeyID)
	}
	c, err := k.cipher(key)
	if err != nil {
		return nil, fmt.Errorf("read variable %q: %w", v.Path, err)
	}
	b, err := c.Open(nil, nil, v.Sealed, boundToVariable(v.Namespace, v.Path, v.KeyID))
	if err != nil {
		return nil, fmt.Errorf("%w: variable %q is damaged, or not what root key %s has sealed", ErrNoKey, v.Path, v.KeyID)
	}
	out := &api.Variable{
		Namespace: v.Namespace, Path: v.Path, CreateIndex: v.CreateIndex, ModifyIndex: v.ModifyIndex,
		CreateTime: v.CreateTime, ModifyTime: v.ModifyTime,
	}
	if err := json.Unmarshal(b, &out.Items); err != nil {
		return nil, fmt.Errorf("decode the items of variable %q: %w", v.Path, err)
	}
	return out, nil
}
