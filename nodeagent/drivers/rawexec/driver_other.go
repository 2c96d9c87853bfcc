//go:build !linux

package rawexec

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/children"
)

// Name is the driver's name in jobspecs.
const Name = "raw_exec"

// Driver runs commands as children of the node agent: where there is no shim that could
// hold them, they end with it.
type Driver struct {
	*children.Holder
	plugin Plugin
	since  time.Time
}

var _ driver.Driver = (*Driver)(nil)

// New returns the driver.
func New(o Options) *Driver {
	d := &Driver{plugin: o.Plugin, since: time.Now()}
	d.Holder = children.New(Name, d.commandOf)
	return d
}

// Fingerprint reports the driver as healthy when it is enabled.
func (d *Driver) Fingerprint(context.Context) api.DriverInfo {
	if !d.plugin.Enabled {
		return api.DriverInfo{UpdateTime: d.since, HealthDescription: "disabled"}
	}
	return api.DriverInfo{
		UpdateTime: d.since, Detected: true, Healthy: true, HealthDescription: "Healthy",
		Attributes: map[string]string{"driver." + Name: "true"},
	}
}

// Validate checks the keys of a config block, and their types.
func (d *Driver) Validate(config map[string]any) error {
	_, err := parseConfig(config)
	return err
}

// commandOf says what a task runs.
func (d *Driver) commandOf(task driver.Task) (*exec.Cmd, error) {
	if !d.plugin.Enabled {
		return nil, fmt.Errorf("%w: driver %s is not enabled on this node", api.ErrNotSupported, Name)
	}
	if task.User != "" {
		return nil, fmt.Errorf("%w: users of tasks on this system", api.ErrNotSupported)
	}
	c, err := parseConfig(task.Config)
	if err != nil {
		return nil, err
	}
	program := c.command
	if local := filepath.Join(task.Dir, "local", program); !filepath.IsAbs(program) {
		if found, err := exec.LookPath(local); err == nil {
			program = found
		}
	}
	cmd := exec.Command(program, c.args...)
	if cmd.Dir = c.workDir; cmd.Dir == "" {
		cmd.Dir = task.Dir
	}
	for name, value := range task.Env {
		if !denied(name, append(c.deniedEnv, d.plugin.DeniedEnv...)) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd, cmd.Err
}

// denied reports whether a variable is one that no task is given.
func denied(name string, patterns []string) bool {
	for _, pattern := range patterns {
		if match, err := path.Match(pattern, name); match && err == nil {
			return true
		}
	}
	return false
}
