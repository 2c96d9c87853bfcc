package scheduler

import (
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

const missingVolumes = "missing compatible host volumes"

// volumeRule wants host volumes that are offered, for writing unless they are only read.
type volumeRule []*api.VolumeRequest

// volumesWanted returns the rules of a group's volumes.
func volumesWanted(g *api.TaskGroup) []rule {
	var hosts volumeRule
	for _, v := range g.Volumes {
		switch v.Type {
		case api.VolumeHost:
			hosts = append(hosts, v)
		case api.VolumeCSI: // see csiRules
		default:
			return []rule{unsupportedRule("volumes of type " + v.Type + " are not supported")}
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	return []rule{hosts}
}

func (r volumeRule) excludes(n *api.Node) string {
	for _, v := range r {
		if !offers(n, v) {
			return missingVolumes
		}
	}
	return ""
}

func (volumeRule) perNode() bool { return false }

// offers reports whether a node has a volume. As long as it is not known for which
// instance one is, that of any will do.
func offers(n *api.Node, v *api.VolumeRequest) bool {
	if !v.PerAlloc {
		return mayUse(n.HostVolumes[v.Source], v)
	}
	for name, volume := range n.HostVolumes {
		index, ok := strings.CutPrefix(name, v.Source+"[")
		if index, closed := strings.CutSuffix(index, "]"); ok && closed && mayUse(volume, v) {
			if _, err := strconv.ParseUint(index, 10, 32); err == nil {
				return true
			}
		}
	}
	return false
}

// homeRule wants the node on which a sticky volume is.
type homeRule string

func (r homeRule) excludes(n *api.Node) string {
	if n.ID == string(r) {
		return ""
	}
	return "sticky host volume is on another node"
}

func (homeRule) perNode() bool { return true }

func mayUse(volume *api.HostVolumeInfo, v *api.VolumeRequest) bool {
	return volume != nil && (v.ReadOnly || !volume.ReadOnly)
}
