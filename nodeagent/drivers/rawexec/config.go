package rawexec

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/agext/levenshtein"

	"github.com/droverhq/drover/api"
)

// config is a task's config block.
type config struct {
	Command string   // program: a name in PATH, or a path
	Args    []string // without the program's name
	WorkDir string   // absolute; empty: the task's directory
}

var (
	knownKeys = []string{"command", "args", "work_dir"}
	// laterKeys are options of the reference's driver that this one does not have.
	laterKeys = []string{"cgroup_v1_override", "cgroup_v2_override", "oom_score_adj", "denied_envvars"}
)

// parseConfig reads a config block and reports everything that is wrong with it.
func parseConfig(block map[string]any) (config, error) {
	wrong := &api.InvalidError{What: "config of driver " + Name}
	checkKeys(block, wrong)
	c := config{
		Command: textOf(block, "command", wrong),
		WorkDir: textOf(block, "work_dir", wrong),
		Args:    textsOf(block, "args", wrong),
	}
	if block["command"] == nil {
		wrong.Add("command", "is missing: say which program to run")
	} else if c.Command == "" && len(wrong.Fields) == 0 {
		wrong.Add("command", "is empty: say which program to run")
	}
	if c.WorkDir != "" && !filepath.IsAbs(c.WorkDir) {
		wrong.Add("work_dir", fmt.Sprintf("%q is not an absolute path", c.WorkDir))
	}
	return c, wrong.OrNil()
}

func checkKeys(block map[string]any, wrong *api.InvalidError) {
	keys := make([]string, 0, len(block))
	for key := range block {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		switch {
		case slices.Contains(knownKeys, key):
		case slices.Contains(laterKeys, key):
			wrong.Add(key, "is not supported: driver "+Name+" runs a task with the limits of the node agent")
		default:
			wrong.Add(key, "is unknown"+suggest(key))
		}
	}
}

// suggest names the known key that was probably meant.
func suggest(key string) string {
	const near = 3 // edits
	best, distance := "", near+1
	for _, known := range knownKeys {
		if n := levenshtein.Distance(key, known, nil); n < distance {
			best, distance = known, n
		}
	}
	if best == "" {
		return fmt.Sprintf("; known are %q", knownKeys)
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func textOf(block map[string]any, key string, wrong *api.InvalidError) string {
	value, set := block[key]
	if !set || value == nil {
		return ""
	}
	text, ok := scalar(value)
	if !ok {
		wrong.Add(key, fmt.Sprintf("must be a string, not %T", value))
	}
	return text
}

func textsOf(block map[string]any, key string, wrong *api.InvalidError) []string {
	switch list := block[key].(type) {
	case nil:
		return nil
	case []string:
		return list
	case []any:
		texts := make([]string, len(list))
		for i, value := range list {
			text, ok := scalar(value)
			if !ok {
				wrong.Add(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("must be a string, not %T", value))
			}
			texts[i] = text
		}
		return texts
	default:
		wrong.Add(key, fmt.Sprintf("must be a list of strings, not %T", list))
		return nil
	}
}

// scalar returns a value as the jobspec would have written it in a string.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	default:
		return "", false
	}
}
