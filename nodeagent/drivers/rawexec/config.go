package rawexec

import (
	"fmt"
	"path"
	"path/filepath"

	"github.com/droverhq/drover/nodeagent/drivers/settings"
)

// config is a task's config block.
type config struct {
	command     string            // program: a name in PATH, or a path
	args        []string          // without the program's name
	workDir     string            // absolute; empty: the task's directory
	oomScoreAdj int               // 0 to 1000: how much likelier the kernel kills it when memory is short
	unified     string            // control group of version 2 to run in, in place of one of its own
	legacy      map[string]string // and of version 1, by controller
	deniedEnv   []string          // patterns of names that are left out of its environment
}

// maxOOMScore is the kernel's.
const maxOOMScore = 1000

// parseConfig reads a config block and reports everything that is wrong with it.
func parseConfig(block map[string]any) (config, error) {
	r := settings.Read("config of driver "+Name, block,
		"command", "args", "work_dir", "oom_score_adj", "cgroup_v1_override", "cgroup_v2_override", "denied_envvars")
	c := config{
		command:     r.Required("command", "say which program to run"),
		workDir:     r.Text("work_dir"),
		args:        r.Texts("args"),
		oomScoreAdj: r.Number("oom_score_adj", 0, maxOOMScore),
		unified:     r.Text("cgroup_v2_override"),
		legacy:      r.Map("cgroup_v1_override"),
		deniedEnv:   readPatterns(r, "denied_envvars"),
	}
	if c.workDir != "" && !filepath.IsAbs(c.workDir) {
		r.Wrong("work_dir", fmt.Sprintf("%q is not an absolute path", c.workDir))
	}
	return c, r.Err()
}

// readPatterns reads names in which * stands for anything.
func readPatterns(r *settings.Reader, key string) []string {
	list := r.Texts(key)
	for _, pattern := range list {
		if _, err := path.Match(pattern, ""); err != nil {
			r.Wrong(key, fmt.Sprintf("%q is not a pattern", pattern))
		}
	}
	return list
}
