package isolated

import (
	"fmt"
	"path"

	"github.com/droverhq/drover/nodeagent/driver/block"
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

// parseConfig reads a config block and reports everything that is wrong with it.
func (d *Driver) parseConfig(values map[string]any) (config, error) {
	b := block.New("config of driver "+d.kind.Name, values)
	plugin := d.options.Plugin
	c := config{
		workDir:  b.Text("work_dir"),
		hostPID:  b.OneOf("pid_mode", defaultMode(plugin.HostPID), modePrivate, modeHost) == modeHost,
		hostIPC:  b.OneOf("ipc_mode", defaultMode(plugin.HostIPC), modePrivate, modeHost) == modeHost,
		hardCPU:  b.Flag("cpu_hard_limit"),
		pidLimit: int(b.NumberIn("pids_limit", int64(plugin.PIDsLimit), leastPIDsLimit, int64(plugin.PIDsLimit))),
	}
	c.command, c.args = d.kind.Command(b)
	if c.workDir == "" {
		c.workDir = "/"
	}
	if !path.IsAbs(c.workDir) {
		b.Wrong("work_dir", fmt.Sprintf("%q is not an absolute path", c.workDir))
	}
	add, drop := readCaps(b, "cap_add", b.Texts("cap_add")), readCaps(b, "cap_drop", b.Texts("cap_drop"))
	var err error
	if c.caps, err = decideCaps(plugin.Allowed, add, drop); err != nil {
		b.Wrong("cap_add", err.Error())
	}
	return c, b.Err()
}

func defaultMode(host bool) string {
	if host {
		return modeHost
	}
	return modePrivate
}
