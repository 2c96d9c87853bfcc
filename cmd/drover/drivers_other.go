//go:build !linux

package main

import (
	"github.com/droverhq/drover/nodeagent/drivers"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
)

// driverOptions reads what the configuration says of the task drivers.
func driverOptions(a *agent) (drivers.Options, error) {
	raw, err := rawexec.ParsePlugin(a.cfg.Plugins[rawexec.Name].Config)
	raw.Enabled = a.cfg.DriverOption(rawexec.Name)
	return drivers.Options{RawExec: rawexec.Options{Plugin: raw, Log: a.log.WithName(rawexec.Name)}}, err
}
