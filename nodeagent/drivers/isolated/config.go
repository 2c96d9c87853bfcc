package isolated

import (
	"fmt"
	"path"

	"github.com/droverhq/drover/nodeagent/drivers/settings"
)

// config is what a task's config block says of how it is set apart.
type config struct {
	command  string
	args     []string
	workDir  string // in the task's root
	hostPID  bool
	hostIPC  bool
	caps     capSet
	hardCPU  bool // it gets no more CPU than it was given, also when there is some idle
	pidLimit int
}

// ownKeys are the keys of a task's config block that are not the Kind's.
func ownKeys() []string {
	return []string{"work_dir", "pid_mode", "ipc_mode", "cap_add", "cap_drop", "cpu_hard_limit", "pids_limit"}
}

// parseConfig reads a config block and reports everything that is wrong with it.
func (d *Driver) parseConfig(block map[string]any) (config, error) {
	r := settings.Read("config of driver "+d.kind.Name, block, append(d.kind.Keys, ownKeys()...)...)
	plugin := d.options.Plugin
	c := config{
		workDir:  r.Text("work_dir"),
		hostPID:  r.OneOf("pid_mode", defaultMode(plugin.HostPID), modePrivate, modeHost) == modeHost,
		hostIPC:  r.OneOf("ipc_mode", defaultMode(plugin.HostIPC), modePrivate, modeHost) == modeHost,
		hardCPU:  r.Bool("cpu_hard_limit"),
		pidLimit: r.Number("pids_limit", leastPIDsLimit, plugin.PIDsLimit),
	}
	c.command, c.args = d.kind.Command(r)
	if c.workDir == "" {
		c.workDir = "/"
	}
	if !path.IsAbs(c.workDir) {
		r.Wrong("work_dir", fmt.Sprintf("%q is not an absolute path", c.workDir))
	}
	if c.pidLimit == 0 {
		c.pidLimit = plugin.PIDsLimit
	}
	add, drop := readCaps(r, "cap_add", r.Texts("cap_add")), readCaps(r, "cap_drop", r.Texts("cap_drop"))
	var err error
	if c.caps, err = decideCaps(plugin.Allowed, add, drop); err != nil {
		r.Wrong("cap_add", err.Error())
	}
	return c, r.Err()
}

func defaultMode(host bool) string {
	if host {
		return modeHost
	}
	return modePrivate
}
