package rawexec

import (
	"fmt"
	"path/filepath"

	"github.com/droverhq/drover/nodeagent/drivers/settings"
)

// config is a task's config block.
type config struct {
	Command string   // program: a name in PATH, or a path
	Args    []string // without the program's name
	WorkDir string   // absolute; empty: the task's directory
}

// parseConfig reads a config block and reports everything that is wrong with it.
func parseConfig(block map[string]any) (config, error) {
	r := settings.Read("config of driver "+Name, block, "command", "args", "work_dir")
	c := config{
		Command: r.Required("command", "say which program to run"),
		WorkDir: r.Text("work_dir"),
		Args:    r.Texts("args"),
	}
	if c.WorkDir != "" && !filepath.IsAbs(c.WorkDir) {
		r.Wrong("work_dir", fmt.Sprintf("%q is not an absolute path", c.WorkDir))
	}
	return c, r.Err()
}
