package job

import (
	"fmt"
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
