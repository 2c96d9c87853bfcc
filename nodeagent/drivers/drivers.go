//go:build linux

// Package drivers is the list of task drivers, nothing else. A new driver is a folder
// here and a line in Build, or a program (package outside).
package drivers

import (
	"slices"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/docker"
	"github.com/droverhq/drover/nodeagent/drivers/exec"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/nodeagent/drivers/java"
	"github.com/droverhq/drover/nodeagent/drivers/outside"
	"github.com/droverhq/drover/nodeagent/drivers/qemu"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/nodeagent/drivers/wasm"
)

// Options are the options of the drivers, one field for each.
type Options struct {
	RawExec rawexec.Options
	Exec    isolated.Options
	Java    isolated.Options
	Docker  docker.Options
	Wasm    wasm.Options
	Qemu    qemu.Options
	Outside outside.Options // of all that are programs
}

// Build returns all drivers, ready to use.
func Build(o Options) ([]driver.Driver, error) {
	list := []driver.Driver{
		rawexec.New(o.RawExec),
		exec.New(o.Exec),
		java.New(o.Java),
		docker.New(o.Docker),
		wasm.New(o.Wasm),
		qemu.New(o.Qemu),
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	programs, err := outside.Discover(o.Outside, names)
	for _, d := range programs {
		names = append(names, d.Name())
	}
	for name := range o.Outside.Plugins {
		if !slices.Contains(names, name) {
			o.Outside.Log.Info("a plugin block has no effect: there is no such driver, nor a program of it in plugin_dir", "driver", name)
		}
	}
	return append(list, programs...), err
}
