package rawexec

import (
	"context"
	"fmt"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held"
)

// Name is the driver's name in jobspecs.
const Name = "raw_exec"

// attribute is what a node's description says of the driver.
const attribute = "driver." + Name

// Driver runs commands. It has no state and needs no closing.
type Driver struct {
	*held.Holder
	plugin Plugin
	cgroup string // directory; empty: no control groups
	since  time.Time
}

var _ driver.Driver = (*Driver)(nil)

// New returns the driver. It can be used on a machine that lacks what it needs:
// Fingerprint says so.
func New(o Options) *Driver {
	d := &Driver{plugin: o.Plugin, since: time.Now()}
	d.Holder = held.New(held.Options{Name: Name, ShimPath: o.ShimPath, Usable: d.usable, Spec: d.specOf})
	if o.Enabled && !o.NoCgroups {
		parent := o.Cgroup
		if parent == "" {
			parent = held.DefaultCgroup
		}
		dir, err := held.MakeCgroupParent(parent)
		if err != nil {
			o.Log.V(1).Info("Run tasks without control groups of their own", "reason", err.Error())
		}
		d.cgroup = dir
	}
	return d
}

var (
	_ driver.Driver    = (*Driver)(nil)
	_ driver.Networker = (*Driver)(nil)
)

// Fingerprint reports the driver as detected when it is enabled, and as healthy when
// the shim can be run.
func (d *Driver) Fingerprint(context.Context) api.DriverInfo {
	info := api.DriverInfo{UpdateTime: d.since}
	switch {
	case !d.plugin.Enabled:
		info.HealthDescription = "disabled"
	case d.ShimErr() != nil:
		info.Detected = true
		info.HealthDescription = d.ShimErr().Error()
	default:
		info.Detected, info.Healthy = true, true
		info.HealthDescription = "Healthy"
		info.Attributes = map[string]string{attribute: "true"}
	}
	return info
}

// Networks says that tasks can run in a network of their allocation's own.
func (d *Driver) Networks() {}

// Validate checks the keys of a config block, and their types.
func (d *Driver) Validate(config map[string]any) error {
	_, err := parseConfig(config)
	return err
}

func (d *Driver) usable() error {
	if !d.plugin.Enabled {
		return fmt.Errorf("%w: driver %s is not enabled on this node; its operator enables it in the agent's "+
			`configuration: plugin "%s" { config { enabled = true } }`, api.ErrNotSupported, Name, Name)
	}
	return nil
}
