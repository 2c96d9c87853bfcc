package scenario

import (
	"strings"

	"github.com/droverhq/drover/api"
)

// volumesOf returns the host volumes that a node command names: volume=data.
func volumesOf(args []string) map[string]*api.HostVolumeInfo {
	volumes := make(map[string]*api.HostVolumeInfo)
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "volume="); ok {
			volumes[name] = &api.HostVolumeInfo{Path: "/" + name}
		}
	}
	return volumes
}

// volumes returns what a group asks for: a host volume, or data[] for one for each
// instance.
func (s *Spec) volumes() map[string]*api.VolumeRequest {
	if s.Volume == "" {
		return nil
	}
	source, each := strings.CutSuffix(s.Volume, "[]")
	return map[string]*api.VolumeRequest{"v": {Name: "v", Type: api.VolumeHost, Source: source, PerAlloc: each}}
}
