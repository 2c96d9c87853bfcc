package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// alone names what a task asks for to have it to itself.
func alone(b *strings.Builder, r *api.Resources) {
	if cores := api.Deref(r.Cores); cores > 0 {
		fmt.Fprintf(b, "%d", cores)
		if r.NUMA != nil {
			b.WriteString(r.NUMA.Affinity)
		}
	}
	for _, d := range r.Devices {
		fmt.Fprintf(b, "%s %d", d.Name, api.Deref(d.Count))
		for _, c := range d.Constraints {
			fmt.Fprintf(b, "%q", *c)
		}
	}
	b.WriteByte('|')
}

// volumes names the volumes that a group of a job of that namespace asks for.
func volumes(b *strings.Builder, namespace string, list map[string]*api.VolumeRequest) {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		v := list[name]
		fmt.Fprintf(b, "%s %q %t %t|", v.Type, v.Source, v.ReadOnly, v.PerAlloc)
		if v.Type == api.VolumeCSI {
			fmt.Fprintf(b, "%s %s %s|", namespace, v.AccessMode, v.AttachmentMode)
		}
	}
}
