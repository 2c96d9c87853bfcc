// Package host finds out a node's name and identity.
package host

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System fs.FS // the root directory of the machine
}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "host" }

// Run implements fingerprint.Fingerprinter.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("host name: %w", err)
	}
	id := f.id()
	return func(n *api.Node) {
		n.Attributes["unique.hostname"] = name
		if id != "" {
			n.Attributes["unique.host_id"] = id
		}
	}, nil
}

// id returns the machine's ID in the form of a UUID, or nothing.
func (f Fingerprint) id() string {
	for _, name := range []string{"etc/machine-id", "proc/sys/kernel/random/boot_id"} {
		b, err := fs.ReadFile(f.System, name)
		if err != nil {
			continue
		}
		if id, err := uuid.Parse(strings.TrimSpace(string(b))); err == nil {
			return id.String()
		}
	}
	return ""
}
