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
	"github.com/droverhq/drover/nodeagent/drivers/outside"
	"github.com/droverhq/drover/nodeagent/drivers/qemu"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/nodeagent/drivers/wasm"
)

// driverOptions reads what the configuration says of the task drivers.
func driverOptions(a *agent) (drivers.Options, error) {
	cfg := a.cfg
	raw, rawErr := rawexec.ParsePlugin(cfg.Plugins[rawexec.Name].Config)
	raw.Enabled = cfg.DriverOption(rawexec.Name)
	isolate := func(name string, plugin isolated.Plugin) isolated.Options {
		return isolated.Options{
			Plugin: plugin, ChrootEnv: cfg.Client.ChrootEnv, TotalMHz: cfg.Client.CPUTotalCompute,
			Hidden: []string{cfg.DataDir, cfg.Client.AllocDir, cfg.Client.StateDir}, Log: a.log.WithName(name),
		}
	}
	isolation := func(name string) (isolated.Options, error) {
		plugin, err := isolated.ParsePlugin(name, cfg.Plugins[name].Config)
		return isolate(name, plugin), err
	}
	execOptions, execErr := isolation(exec.Name)
	javaOptions, javaErr := isolation(java.Name)
	engine, engineErr := engineOptions(a)
	wasmOptions, wasmErr := isolation(wasm.Name)
	machines, qemuErr := qemu.ParsePlugin(cfg.Plugins[qemu.Name].Config)
	programs := outside.Options{
		Dir: cfg.PluginDir, Plugins: map[string]outside.Plugin{},
		RunDir: filepath.Join(cfg.DataDir, "run"), Log: a.log.WithName("drivers"),
	}
	if programs.Dir == "" {
		programs.Dir = filepath.Join(cfg.DataDir, "plugins")
	}
	for name, p := range cfg.Plugins {
		programs.Plugins[name] = outside.Plugin{Args: p.Args, Config: p.Config}
	}
	return drivers.Options{
		Outside: programs,
		RawExec: rawexec.Options{Plugin: raw, Log: a.log.WithName(rawexec.Name)},
		Exec:    execOptions,
		Java:    javaOptions,
		Docker:  engine,
		Qemu:    qemu.Options{Plugin: machines, Isolated: isolate(qemu.Name, machines.Isolation)},
		Wasm:    wasm.Options{Isolated: wasmOptions, CacheDir: filepath.Join(cfg.DataDir, "wasm")},
	}, errors.Join(rawErr, execErr, javaErr, engineErr, wasmErr, qemuErr)
}

func engineOptions(a *agent) (docker.Options, error) {
	o, err := docker.ParseOptions(a.cfg.Plugins[docker.Name].Config)
	if _, said := a.cfg.Client.Options["driver."+docker.Name+".enable"]; said && !o.Disabled {
		o.Disabled = !a.cfg.DriverOption(docker.Name)
	}
	o.Dir, o.Log = filepath.Join(a.cfg.DataDir, "docker"), a.log.WithName(docker.Name)
	return o, err
}
