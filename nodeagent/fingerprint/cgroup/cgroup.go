// Package cgroup finds out which version of control groups a node has.
package cgroup

import (
	"context"
	"io/fs"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	System fs.FS // the root directory of the machine
}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "cgroup" }

// Run implements fingerprint.Fingerprinter.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	version := f.version()
	return func(n *api.Node) {
		if version != "" {
			n.Attributes["os.cgroups.version"] = version
		}
	}, nil
}

func (f Fingerprint) version() string {
	for _, c := range []struct{ file, version string }{
		{"sys/fs/cgroup/cgroup.controllers", "2"}, // only the unified hierarchy has it here
		{"sys/fs/cgroup/memory", "1"},
		{"sys/fs/cgroup/cpu", "1"},
	} {
		if _, err := fs.Stat(f.System, c.file); err == nil {
			return c.version
		}
	}
	return ""
}
