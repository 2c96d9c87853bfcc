package api

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
	Hash                  []byte
}

// Key implements Object.
func (n *Namespace) Key() Key {
	if n == nil {
		return Key{Kind: KindNamespace}
	}
	return Key{Kind: KindNamespace, ID: n.Name}
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
