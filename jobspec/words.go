package jobspec

import "github.com/droverhq/drover/api"

// Words of the job language that stand in values, beside those of package api.
const (
	specTypeCron      = "cron"
	scalingHorizontal = "horizontal"
	defaultIdentity   = "default"
	changeModeRestart = "restart"

	networkHost        = "host"
	networkBridge      = "bridge"
	networkNone        = "none"
	defaultHostNetwork = "default"

	// defaultAudience is who the default identity of a task is meant for.
	defaultAudience = "nomadproject.io"

	payloadOptional  = "optional"
	payloadRequired  = "required"
	payloadForbidden = "forbidden"

	providerNomad  = api.ServiceProviderNomad
	providerConsul = api.ServiceProviderConsul
)

// What is accepted but should be written in another way.
const (
	warningTaskNetwork = "a network block in resources is the older form; move it to the group: group { network { port … } }"
	warningMBits       = "mbits has no effect any more; remove it"
)
