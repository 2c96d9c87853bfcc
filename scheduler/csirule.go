package scheduler

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// csiRule wants a node to which a CSI volume can be brought.
type csiRule struct {
	volume      *api.CSIVolume
	controllers int // of its plugin that are healthy, anywhere
}

// csiRules returns the rules of the volumes of a request that are there.
func (f *Fleet) csiRules(wanted []heldVolume) []rule {
	var rules []rule
	for _, v := range wanted {
		if facts := f.volumes.facts[v.key]; facts != nil {
			rules = append(rules, csiRule{facts, f.volumes.controllers[facts.PluginID]})
		}
	}
	return rules
}

func (r csiRule) excludes(n *api.Node) string {
	plugin := r.volume.PluginID
	switch info := n.CSINodePlugins[plugin]; {
	case info == nil:
		return "CSI plugin " + plugin + " is missing from client"
	case !info.Healthy:
		return "CSI plugin " + plugin + " is unhealthy on client"
	case info.RequiresControllerPlugin && r.controllers == 0:
		return "CSI volume " + r.volume.ID + " is unschedulable: plugin " + plugin + " has no healthy controller"
	case !r.volume.Reaches(info.NodeInfo):
		return "did not meet topology requirement"
	}
	return ""
}

// perNode is true: nodes of one class are at different places, and their plugins fail one
// by one.
func (csiRule) perNode() bool { return true }

// control counts the healthy controllers of plugins on a node, or, with -1, those that it
// had.
func (v *volumes) control(n *api.Node, count int) {
	for id, info := range n.CSIControllerPlugins {
		if info == nil || !info.Healthy {
			continue
		}
		if v.controllers == nil {
			v.controllers = map[string]int{}
		}
		v.controllers[id] += count
	}
}

// attached is the volumes that are used on a node: by how many allocations.
type attached map[volumeKey]int

func (a *attached) hold(list []heldVolume) {
	for _, v := range list {
		if *a == nil {
			*a = attached{}
		}
		(*a)[v.key]++
	}
}

func (a attached) letGo(list []heldVolume) {
	for _, v := range list {
		if a[v.key]--; a[v.key] <= 0 {
			delete(a, v.key)
		}
	}
}

func (a attached) clone() attached { return maps.Clone(a) }

// full says which plugin of a node can't take the volumes that are asked for besides those
// that are used there, without those that end with the transaction.
func (f *Fleet) full(n *node, asked, ending []heldVolume) string {
	for _, v := range asked {
		facts := f.volumes.facts[v.key]
		if facts == nil {
			continue // another rule excludes the node
		}
		info := n.facts.CSINodePlugins[facts.PluginID]
		if info == nil || info.NodeInfo == nil || info.NodeInfo.MaxVolumes <= 0 {
			continue
		}
		if int64(len(f.attached(n, facts.PluginID, asked, ending))) > info.NodeInfo.MaxVolumes {
			return "CSI plugin " + facts.PluginID + " has the maximum number of volumes on client"
		}
	}
	return ""
}

// attached returns the volumes of a plugin that a node would have.
func (f *Fleet) attached(n *node, plugin string, asked, ending []heldVolume) map[volumeKey]bool {
	left := n.attached.clone()
	left.letGo(ending)
	of := map[volumeKey]bool{}
	add := func(key volumeKey) {
		if facts := f.volumes.facts[key]; facts != nil && facts.PluginID == plugin {
			of[key] = true
		}
	}
	for key := range left {
		add(key)
	}
	for _, v := range asked {
		add(v.key)
	}
	return of
}

// sortedNames returns the names of a group's volumes in order.
func sortedNames(volumes map[string]*api.VolumeRequest) []string {
	return slices.Sorted(maps.Keys(volumes))
}
