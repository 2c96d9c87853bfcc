package rawexec

import (
	"fmt"
	"path"
	"path/filepath"

	"github.com/droverhq/drover/nodeagent/driver/block"
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
func parseConfig(values map[string]any) (config, error) {
	b := block.New("config of driver "+Name, values)
	c := config{
		command:     b.Required("command", "say which program to run"),
		workDir:     b.Text("work_dir"),
		args:        b.Texts("args"),
		oomScoreAdj: int(b.NumberIn("oom_score_adj", 0, 0, maxOOMScore)),
		unified:     b.Text("cgroup_v2_override"),
		legacy:      b.Map("cgroup_v1_override"),
		deniedEnv:   readPatterns(b, "denied_envvars"),
	}
	if c.workDir != "" && !filepath.IsAbs(c.workDir) {
		b.Wrong("work_dir", fmt.Sprintf("%q is not an absolute path", c.workDir))
	}
	return c, b.Err()
}

// readPatterns reads names in which * stands for anything.
func readPatterns(b *block.Block, key string) []string {
	list := b.Texts(key)
	for _, pattern := range list {
		if _, err := path.Match(pattern, ""); err != nil {
			b.Wrong(key, fmt.Sprintf("%q is not a pattern", pattern))
		}
	}
	return list
}
