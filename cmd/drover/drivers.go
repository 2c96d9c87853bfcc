//go:build linux

package main

import (
	"errors"
	"path/filepath"

	"github.com/droverhq/drover/nodeagent/drivers"
	"github.com/droverhq/drover/nodeagent/drivers/docker"
	"github.com/droverhq/drover/nodeagent/drivers/exec"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/java"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
)

// driverOptions reads what the configuration says of the task drivers.
func driverOptions(a *agent) (drivers.Options, error) {
	cfg := a.cfg
	raw, rawErr := rawexec.ParsePlugin(cfg.Plugins[rawexec.Name].Config)
	raw.Enabled = cfg.DriverOption(rawexec.Name)
	isolation := func(name string) (isolated.Options, error) {
		plugin, err := isolated.ParsePlugin(name, cfg.Plugins[name].Config)
		return isolated.Options{
			Plugin: plugin, ChrootEnv: cfg.Client.ChrootEnv, TotalMHz: cfg.Client.CPUTotalCompute,
			Hidden: []string{cfg.DataDir, cfg.Client.AllocDir, cfg.Client.StateDir}, Log: a.log.WithName(name),
		}, err
	}
	execOptions, execErr := isolation(exec.Name)
	javaOptions, javaErr := isolation(java.Name)
	engine, engineErr := engineOptions(a)
	return drivers.Options{
		RawExec: rawexec.Options{Plugin: raw, Log: a.log.WithName(rawexec.Name)},
		Exec:    execOptions,
		Java:    javaOptions,
		Docker:  engine,
	}, errors.Join(rawErr, execErr, javaErr, engineErr)
}

func engineOptions(a *agent) (docker.Options, error) {
	o, err := docker.ParseOptions(a.cfg.Plugins[docker.Name].Config)
	if _, said := a.cfg.Client.Options["driver."+docker.Name+".enable"]; said && !o.Disabled {
		o.Disabled = !a.cfg.DriverOption(docker.Name)
	}
	o.Dir, o.Log = filepath.Join(a.cfg.DataDir, "docker"), a.log.WithName(docker.Name)
	return o, err
}
