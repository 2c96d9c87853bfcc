package api

import "time"

// DefaultNodeIdentityTTL is how long a node's identity is good for.
const DefaultNodeIdentityTTL = 24 * time.Hour

// NodePool is a part of the fleet that jobs can ask for.
type NodePool struct {
	ObjectMeta             `msg:"-"`
	Name                   string
	Description            string
	Meta                   map[string]string
	SchedulerConfiguration *NodePoolSchedulerConfiguration
	NodeIdentityTTL        time.Duration
	Hash                   []byte // of all the above, see SetHash
	// Deleting is set while it is made sure that nothing is in the pool: no job can come
	// into it.
	Deleting bool `json:"-"`
}

// IsBuiltin reports whether every cluster has the pool.
func (p *NodePool) IsBuiltin() bool { return p.Name == AllNodePool || p.Name == DefaultNodePool }

// SetHash sets the hash by which two regions find out whether they have the same.
func (p *NodePool) SetHash() {
	content := *p
	content.ObjectMeta, content.Hash, content.Deleting = ObjectMeta{}, nil, false
	p.Hash = hashOf(&content)
}

// Key implements Object.
func (p *NodePool) Key() Key {
	if p == nil {
		return Key{Kind: KindNodePool}
	}
	return Key{Kind: KindNodePool, ID: p.Name}
}

// NodePoolSchedulerConfiguration overrides the cluster's SchedulerConfiguration for the
// jobs of a pool. What is left out is as in the cluster.
type NodePoolSchedulerConfiguration struct {
	SchedulerAlgorithm            string
	MemoryOversubscriptionEnabled *bool
}

// Check adds what is wrong with it to what is invalid.
func (c *NodePoolSchedulerConfiguration) Check(invalid *InvalidError) {
	if c.SchedulerAlgorithm != "" {
		addAlgorithm(invalid, "scheduler_config.scheduler_algorithm", c.SchedulerAlgorithm)
	}
}
