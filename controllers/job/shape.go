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
	b.WriteByte('|')
}
