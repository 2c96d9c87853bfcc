package rawexec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// Name is the driver's name in jobspecs.
const Name = "raw_exec"

// attribute is what a node's description says of the driver.
const attribute = "driver." + Name

// defaultCgroup is the control group below which those of the tasks are made.
const defaultCgroup = "drover.slice"

// Options say how tasks are run.
type Options struct {
	// Enabled lets tasks run at all. Off by default: a task of this driver can do what
	// the node agent can.
	Enabled bool
	// ShimPath is the drover-shim program. Default: the one beside the running program;
	// if there is none, the running program itself, started by the name drover-shim,
	// which costs more memory for each task.
	ShimPath string
	// Cgroup is the control group, below the root of the cgroup2 file system, in which
	// each task gets one of its own; default drover.slice. It makes the killing of a
	// task's processes one atomic step. Where it can't be made, tasks run without.
	Cgroup string
	// NoCgroups leaves tasks in the control group of the node agent.
	NoCgroups bool
	Log       logr.Logger
}

// Driver runs commands. It has no state and needs no closing.
type Driver struct {
	enabled bool
	shim    string // program
	shimErr error  // why the program can't be run
	cgroup  string // directory; empty: no control groups
	since   time.Time
	log     logr.Logger
}

// New returns the driver. It can be used on a machine that lacks what it needs:
// Fingerprint says so.
func New(o Options) *Driver {
	d := &Driver{enabled: o.Enabled, since: time.Now(), log: o.Log}
	d.shim, d.shimErr = findShim(o.ShimPath)
	if o.Enabled && !o.NoCgroups {
		parent := o.Cgroup
		if parent == "" {
			parent = defaultCgroup
		}
		dir, err := makeCgroupParent(parent)
		if err != nil {
			d.log.V(1).Info("Run tasks without control groups of their own", "reason", err.Error())
		}
		d.cgroup = dir
	}
	return d
}

var (
	_ driver.Driver   = (*Driver)(nil)
	_ driver.Finder   = (*Driver)(nil)
	_ driver.Signaler = (*Driver)(nil)
	_ driver.Statter  = (*Driver)(nil)
	_ driver.Executor = (*Driver)(nil)

	_ driver.Networker = (*Driver)(nil)
)

// Name returns raw_exec.
func (d *Driver) Name() string { return Name }

// Fingerprint reports the driver as detected when it is enabled, and as healthy when
// the shim can be run.
func (d *Driver) Fingerprint(context.Context) api.DriverInfo {
	info := api.DriverInfo{UpdateTime: d.since}
	switch {
	case !d.enabled:
		info.HealthDescription = "disabled"
	case d.shimErr != nil:
		info.Detected = true
		info.HealthDescription = d.shimErr.Error()
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
	if !d.enabled {
		return fmt.Errorf("%w: driver %s is not enabled on this node; its operator enables it in the agent's "+
			`configuration: plugin "%s" { config { enabled = true } }`, api.ErrNotSupported, Name, Name)
	}
	return d.shimErr
}

// findShim returns the program to start a task's shim with.
func findShim(path string) (string, error) {
	if path != "" {
		return path, checkProgram(path)
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", shim.Name, err)
	}
	beside := filepath.Join(filepath.Dir(self), shim.Name)
	if checkProgram(beside) == nil {
		return beside, nil
	}
	return "/proc/self/exe", nil // works also when the file has been replaced by an upgrade
}

func checkProgram(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not a program that can be run", path)
	}
	return nil
}
