// Package drover tells which drover a node runs, and what it can do.
package drover

import (
	"context"

	"github.com/droverhq/drover/api"
)

// compatVersion is the version of the system whose jobs and clients drover takes:
// jobs constrain it (attr.nomad.version).
const compatVersion = "2.0.6"

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	Version   string // of this program
	Advertise string // the HTTP address that the node is known by
}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "drover" }

// Run implements fingerprint.Fingerprinter.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	return func(n *api.Node) {
		n.Attributes["nomad.version"] = compatVersion
		n.Attributes["nomad.service_discovery"] = "true"
		if f.Version != "" {
			n.Attributes["drover.version"] = f.Version
		}
		if f.Advertise != "" {
			n.Attributes["unique.advertise.address"] = f.Advertise
		}
	}, nil
}
