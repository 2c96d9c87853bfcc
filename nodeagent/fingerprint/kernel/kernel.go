// Package kernel finds out which kernel a node runs.
package kernel

import (
	"context"
	"fmt"
	"runtime"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct{}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "kernel" }

// Run implements fingerprint.Fingerprinter.
func (Fingerprint) Run(context.Context) (func(*api.Node), error) {
	release, machine, err := version()
	if err != nil {
		return nil, fmt.Errorf("version of the kernel: %w", err)
	}
	landlock := landlockVersion()
	return func(n *api.Node) {
		n.Attributes["kernel.name"] = runtime.GOOS
		n.Attributes["kernel.version"] = release
		n.Attributes["kernel.arch"] = machine
		if landlock > 0 {
			n.Attributes["kernel.landlock"] = fmt.Sprintf("v%d", landlock)
		}
	}, nil
}
