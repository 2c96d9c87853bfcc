//go:build !linux

// Package drivers is the list of task drivers, nothing else. Those that isolate tasks need
// Linux.
package drivers

import (
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
)

// Options are the options of the drivers, one field for each.
type Options struct{ RawExec rawexec.Options }

// Build returns all drivers, ready to use.
func Build(o Options) ([]driver.Driver, error) { return []driver.Driver{rawexec.New(o.RawExec)}, nil }
