package api

import "time"

// NodePool is a part of the fleet that jobs can ask for.
type NodePool struct {
	ObjectMeta             `msg:"-"`
	Name                   string
	Description            string
	Meta                   map[string]string
	SchedulerConfiguration *NodePoolSchedulerConfiguration
	NodeIdentityTTL        time.Duration
	Hash                   []byte
}

// Key implements Object.
func (p *NodePool) Key() Key {
	if p == nil {
		return Key{Kind: KindNodePool}
	}
	return Key{Kind: KindNodePool, ID: p.Name}
}

// NodePoolSchedulerConfiguration overrides the cluster's settings for a pool.
type NodePoolSchedulerConfiguration struct {
	SchedulerAlgorithm            string
	MemoryOversubscriptionEnabled *bool
}
