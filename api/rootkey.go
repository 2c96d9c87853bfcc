package api

// What the API shows, never stored.
//
//msgp:ignore RootKeyMeta KeyringRotateResponse

// What becomes of a root key.
const (
	RootKeyActive     = "active"     // new variables are sealed with it; there is one
	RootKeyInactive   = "inactive"   // what was sealed with it can be read
	RootKeyRekeying   = "rekeying"   // what was sealed with it is being sealed again with the active one
	RootKeyDeprecated = "deprecated" // nothing is sealed with it any more
)

// AlgorithmAES256GCM is the only algorithm of root keys.
const AlgorithmAES256GCM = "aes256-gcm"

// RootKey is a key that variables are sealed with. What is stored of it is of no use
// without the key-encryption key, which is in the keystore of servers.
type RootKey struct {
	ObjectMeta `msg:"-"`
	ID         string
	Algorithm  string
	State      string
	CreateTime int64  // Unix nanoseconds
	KEK        string // the ID of the key-encryption key
	Wrapped    []byte // the key: see package server/keyring
}

// RootKeyKey is the key of a RootKey.
func RootKeyKey(id string) Key { return Key{Kind: KindRootKey, ID: id} }

// Key implements Object.
func (k *RootKey) Key() Key {
	if k == nil {
		return Key{Kind: KindRootKey}
	}
	return RootKeyKey(k.ID)
}

// Meta returns what the API shows of it.
func (k *RootKey) Meta() *RootKeyMeta {
	return &RootKeyMeta{
		KeyID: k.ID, Algorithm: k.Algorithm, State: k.State, CreateTime: k.CreateTime,
		CreateIndex: k.CreateIndex, ModifyIndex: k.ModifyIndex,
	}
}

// RootKeyMeta is a root key as GET /v1/operator/keyring/keys shows it.
type RootKeyMeta struct {
	KeyID       string
	Algorithm   string
	State       string
	CreateTime  int64
	PublishTime int64 // always 0: keys are in use at once
	CreateIndex uint64
	ModifyIndex uint64
}

// KeyringRotateResponse is the answer to PUT /v1/operator/keyring/rotate.
type KeyringRotateResponse struct {
	Key   *RootKeyMeta
	Index uint64
}
