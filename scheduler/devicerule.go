package scheduler

import (
	"slices"

	"github.com/droverhq/drover/api"
)

const missingDevices = "missing devices"

// deviceKindRule wants devices of the kinds that a group asks for, however many, in
// whatever state.
type deviceKindRule []deviceAsk

func (r deviceKindRule) excludes(n *api.Node) string {
	for i := range r {
		if n.Resources == nil || !slices.ContainsFunc(n.Resources.Devices, r[i].suits) {
			return missingDevices
		}
	}
	return ""
}

func (deviceKindRule) perNode() bool { return false }

// deviceRule wants so many of them that they would do if nobody had any.
type deviceRule []deviceAsk

func (r deviceRule) excludes(n *api.Node) string {
	var o deviceOffer
	if o.assign(n, nil, nil, r) != "" {
		return missingDevices
	}
	return ""
}

func (deviceRule) perNode() bool { return true }
