package api

import "crypto/sha256"

// Namespace keeps the jobs of different users apart.
type Namespace struct {
	ObjectMeta            `msg:"-"`
	Name                  string
	Description           string
	Quota                 string
	Capabilities          *NamespaceCapabilities
	NodePoolConfiguration *NamespaceNodePoolConfiguration
	VaultConfiguration    *NamespaceClusters
	ConsulConfiguration   *NamespaceClusters
	RequiredExtraClaims   map[string]string
	OptionalExtraClaims   map[string]string
	Meta                  map[string]string
	Hash                  []byte // of all the above, see SetHash
	// Deleting is set while it is made sure that nothing is in the namespace: nothing
	// new can come into it.
	Deleting bool `json:"-"`
}

// Key implements Object.
func (n *Namespace) Key() Key {
	if n == nil {
		return Key{Kind: KindNamespace}
	}
	return Key{Kind: KindNamespace, ID: n.Name}
}

// SetHash sets the hash by which two regions find out whether they have the same.
func (n *Namespace) SetHash() {
	content := *n
	content.ObjectMeta, content.Hash, content.Deleting = ObjectMeta{}, nil, false
	n.Hash = hashOf(&content)
}

// hashOf returns a hash of the stored form of an object.
func hashOf(o Object) []byte {
	b, err := o.MarshalMsg(nil)
	if err != nil {
		return nil // no object that came as JSON fails to encode
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// NamespaceCapabilities restricts what jobs of a namespace may use.
type NamespaceCapabilities struct {
	EnabledTaskDrivers   []string
	DisabledTaskDrivers  []string
	EnabledNetworkModes  []string
	DisabledNetworkModes []string
}

// NamespaceNodePoolConfiguration restricts the node pools of a namespace.
type NamespaceNodePoolConfiguration struct {
	Default string
	Allowed []string
	Denied  []string
}

// NamespaceClusters restricts the Vault or Consul clusters of a namespace.
type NamespaceClusters struct {
	Default string
	Allowed []string
	Denied  []string
}
