package fingerprint

import (
	"context"

	"github.com/droverhq/drover/api"
)

// Fixed is a fingerprinter that finds what it is told: the node of a simulated fleet.
type Fixed struct {
	Attributes map[string]string
	Resources  api.NodeResources
}

// Name implements Fingerprinter.
func (Fixed) Name() string { return "fixed" }

// Run implements Fingerprinter.
func (f Fixed) Run(context.Context) (func(*api.Node), error) {
	return func(n *api.Node) {
		for k, v := range f.Attributes {
			n.Attributes[k] = v
		}
		*n.Resources = f.Resources
	}, nil
}
