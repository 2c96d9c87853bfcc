package rawexec

import (
	"github.com/go-logr/logr"

	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/held"
)

// Options say how tasks are run.
type Options struct {
	// Plugin is what the node's operator sets for the driver.
	Plugin
	// ShimPath is as in held.Options.
	ShimPath string
	// Cgroup is the control group, below the root of the cgroup2 file system, in which
	// each task gets one of its own; default drover.slice. It makes the killing of a
	// task's processes one atomic step. Where it can't be made, tasks run without.
	Cgroup string
	Log    logr.Logger
}

// Plugin is the config block of the driver in the agent's configuration.
type Plugin struct {
	// Enabled lets tasks run at all. Off by default: a task of this driver can do what
	// the node agent can.
	Enabled bool
	// NoCgroups leaves tasks in the control group of the node agent.
	NoCgroups bool
	// DeniedEnv are patterns of names of variables that no task is given.
	DeniedEnv []string
	Denied    held.Denied
}

// ParsePlugin reads such a block.
func ParsePlugin(values map[string]any) (Plugin, error) {
	b := block.New(`plugin "`+Name+`"`, values)
	p := Plugin{
		Enabled:   b.Flag("enabled"),
		NoCgroups: b.Flag("no_cgroups"),
		DeniedEnv: readPatterns(b, "denied_envvars"),
		Denied:    held.ReadDenied(b),
	}
	return p, b.Err()
}
