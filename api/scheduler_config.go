package api

import (
	"fmt"
	"time"
)

// Answers, never stored.
//
//msgp:ignore SchedulerConfigurationResponse SchedulerUpdateResponse

// Ways to rank nodes, see docs/scheduling.md.
const (
	AlgorithmBinPack = "binpack" // fills few nodes
	AlgorithmSpread  = "spread"  // takes the emptiest nodes
)

// SchedulerConfiguration is how operators want jobs to be placed. There is one for the
// cluster; node pools may override parts of it.
type SchedulerConfiguration struct {
	ObjectMeta         `msg:"-"`
	SchedulerAlgorithm string // AlgorithmBinPack or AlgorithmSpread
	PreemptionConfig   PreemptionConfig
	// MemoryOversubscriptionEnabled lets tasks use up to their memory_max, if the node
	// has it. Otherwise memory_max has no effect.
	MemoryOversubscriptionEnabled bool
	// RejectJobRegistration refuses new jobs, versions, children and counts.
	RejectJobRegistration bool
	// PauseEvalBroker keeps the job controller from doing anything: what is asked for
	// waits until it is cleared.
	PauseEvalBroker bool
	// NodeLimitForFeasibilityChecks is always 0: every node is looked at.
	NodeLimitForFeasibilityChecks int
}

// PreemptionConfig says for which types of jobs others of lower priority may be evicted.
type PreemptionConfig struct {
	SystemSchedulerEnabled   bool
	SysBatchSchedulerEnabled bool
	BatchSchedulerEnabled    bool
	ServiceSchedulerEnabled  bool
}

// Of reports whether jobs of a type may preempt others.
func (c *PreemptionConfig) Of(jobType string) bool {
	switch jobType {
	case JobTypeSystem:
		return c.SystemSchedulerEnabled
	case JobTypeSysBatch:
		return c.SysBatchSchedulerEnabled
	case JobTypeBatch:
		return c.BatchSchedulerEnabled
	case JobTypeService:
		return c.ServiceSchedulerEnabled
	}
	return false
}

// DefaultSchedulerConfiguration is what holds where operators have said nothing.
func DefaultSchedulerConfiguration() *SchedulerConfiguration {
	return &SchedulerConfiguration{
		SchedulerAlgorithm: AlgorithmBinPack,
		PreemptionConfig:   PreemptionConfig{SystemSchedulerEnabled: true},
	}
}

// SchedulerConfigurationKey is the key of the only SchedulerConfiguration.
var SchedulerConfigurationKey = Key{Kind: KindSchedulerConfiguration, ID: "cluster"}

// Key implements Object.
func (c *SchedulerConfiguration) Key() Key { return SchedulerConfigurationKey }

// Validate says, as an *InvalidError, what is wrong with it.
func (c *SchedulerConfiguration) Validate() error {
	invalid := &InvalidError{What: "scheduler configuration"}
	addAlgorithm(invalid, "SchedulerAlgorithm", c.SchedulerAlgorithm)
	if c.NodeLimitForFeasibilityChecks != 0 {
		invalid.Add("NodeLimitForFeasibilityChecks", "not supported: every node is looked at, so there is nothing to limit; leave it 0")
	}
	return invalid.OrNil()
}

func addAlgorithm(invalid *InvalidError, field, algorithm string) {
	if algorithm != AlgorithmBinPack && algorithm != AlgorithmSpread {
		invalid.Add(field, fmt.Sprintf("%q is neither %s nor %s", algorithm, AlgorithmBinPack, AlgorithmSpread))
	}
}

// For returns the configuration as it holds for a node pool, which may be nil.
func (c *SchedulerConfiguration) For(pool *NodePool) *SchedulerConfiguration {
	if pool == nil || pool.SchedulerConfiguration == nil {
		return c
	}
	own := *c
	if algorithm := pool.SchedulerConfiguration.SchedulerAlgorithm; algorithm != "" {
		own.SchedulerAlgorithm = algorithm
	}
	if enabled := pool.SchedulerConfiguration.MemoryOversubscriptionEnabled; enabled != nil {
		own.MemoryOversubscriptionEnabled = *enabled
	}
	return &own
}

// SchedulerConfigurationResponse is the answer to GET /v1/operator/scheduler/configuration.
type SchedulerConfigurationResponse struct {
	SchedulerConfig *SchedulerConfiguration
	Index           uint64
	LastContact     time.Duration
	KnownLeader     bool
	NextToken       string
}

// SchedulerUpdateResponse is the answer to PUT /v1/operator/scheduler/configuration.
type SchedulerUpdateResponse struct {
	Updated bool // false: it had been changed since the index that ?cas names
	Index   uint64
}
