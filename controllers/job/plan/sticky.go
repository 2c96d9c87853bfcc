package plan

import (
	"maps"
	"slices"

	"github.com/droverhq/drover/api"
)

// StickyVolumes returns the names of the host volumes to which an instance of a group, as
// it is for that instance, comes back.
func StickyVolumes(g *api.TaskGroup) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(g.Volumes)) {
		if v := g.Volumes[name]; v.Sticky && v.Type == api.VolumeHost {
			names = append(names, v.Source)
		}
	}
	return names
}

// home is a sticky volume of an instance.
type home struct {
	group  string
	index  int
	volume string
}

// Claim returns what is remembered of a sticky volume of an instance, by the number in its
// name, or nil.
func (v *View) Claim(group string, index int, volume string) *api.HostVolumeClaim {
	return v.claims[home{group, index, volume}]
}

// bringHome says which wants may only go to the node where a volume of theirs is.
func (p *Plan) bringHome(v *View) {
	if len(v.claims) == 0 {
		return
	}
	for _, g := range p.Groups {
		for i := range g.Wants {
			w := &g.Wants[i]
			_, group := w.Spec(v.Job, g.Spec)
			for _, volume := range StickyVolumes(group) {
				if c := v.Claim(g.Name, w.Index(), volume); c != nil {
					w.Home = c.VolumeID
					break
				}
			}
		}
	}
}
