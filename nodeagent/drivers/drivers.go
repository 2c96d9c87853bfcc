//go:build linux

// Package drivers is the list of task drivers, nothing else. A new driver is a folder
// here and a line in Build.
package drivers

import (
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/docker"
	"github.com/droverhq/drover/nodeagent/drivers/exec"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/java"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
)

// Options are the options of the drivers, one field for each.
type Options struct {
	RawExec rawexec.Options
	Exec    isolated.Options
	Java    isolated.Options
	Docker  docker.Options
}

// Build returns all drivers, ready to use.
func Build(o Options) ([]driver.Driver, error) {
	return []driver.Driver{
		rawexec.New(o.RawExec),
		exec.New(o.Exec),
		java.New(o.Java),
		docker.New(o.Docker),
	}, nil
}
