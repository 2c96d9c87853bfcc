package api

import (
	"maps"
	"strconv"
)

// Types of volumes.
const (
	VolumeHost = "host" // a directory that a node's configuration offers
	VolumeCSI  = "csi"
)

// SourceFor returns the name of the volume that the instance with an index asks for:
// with PerAlloc each has its own, data[0], data[1] and so on.
func (v *VolumeRequest) SourceFor(index int) string {
	if !v.PerAlloc {
		return v.Source
	}
	return v.Source + "[" + strconv.Itoa(index) + "]"
}

// ForIndex returns the group as its instance with an index asks for it: volumes that are
// PerAlloc are named. A group without any is returned as it is.
func (g *TaskGroup) ForIndex(index int) *TaskGroup {
	own := false
	for _, v := range g.Volumes {
		own = own || v.PerAlloc
	}
	if !own {
		return g
	}
	named := *g
	named.Volumes = maps.Clone(g.Volumes)
	for name, v := range g.Volumes {
		one := *v
		one.Source, one.PerAlloc = v.SourceFor(index), false
		named.Volumes[name] = &one
	}
	return &named
}
