package isolated

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/droverhq/drover/nodeagent/drivers/held"
)

// hierarchy is where the control groups of tasks are made. All tasks have one of
// version 2, which holds their processes together. It has the controllers if the node
// has them in version 2; else there is a further group in each hierarchy of version 1.
type hierarchy struct {
	unified  string        // directory of the groups of version 2
	limiting bool          // version 2 has the controllers
	legacy   []held.Legacy // hierarchies of version 1; Dir is that of tasks' groups
}

// needed are the controllers that there must be; cpuset and cpuacct are used where they
// are.
var needed = []string{"cpu", "memory", "pids"}

// findHierarchy makes the groups that hold those of the tasks.
func findHierarchy(name string) (*hierarchy, error) {
	h := &hierarchy{}
	var err error
	if h.unified, err = held.MakeCgroupParent(name); err != nil {
		return nil, err
	}
	root := strings.TrimSuffix(h.unified, filepath.Join("/", name))
	there, err := words(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return nil, err
	}
	h.limiting = !slices.ContainsFunc(needed, func(c string) bool { return !slices.Contains(there, c) })
	if h.limiting {
		return h, enable(root, h.unified, there)
	}
	if h.legacy, err = usedHierarchies(name); err != nil {
		return nil, err
	}
	for _, c := range needed {
		if h.of(c) == "" {
			return nil, fmt.Errorf("the control group controller %s is not there, neither in version 2 nor mounted in version 1", c)
		}
	}
	return h, h.makeLegacy()
}

// enable switches the controllers on for the groups below dir.
func enable(root, dir string, there []string) error {
	var switches []string
	for _, c := range append(slices.Clone(needed), "cpuset") {
		if slices.Contains(there, c) {
			switches = append(switches, "+"+c)
		}
	}
	for at := root; ; {
		err := os.WriteFile(filepath.Join(at, "cgroup.subtree_control"), []byte(strings.Join(switches, " ")), 0)
		if err != nil {
			return fmt.Errorf("switch control group controllers on: %w", err)
		}
		if at == dir {
			return nil
		}
		next, _, _ := strings.Cut(strings.TrimPrefix(dir, at+"/"), "/")
		at = filepath.Join(at, next)
	}
}

// usedHierarchies returns those of version 1 that have controllers which are used.
func usedHierarchies(name string) ([]held.Legacy, error) {
	all, err := held.LegacyHierarchies()
	if err != nil {
		return nil, err
	}
	var used []held.Legacy
	for _, l := range all {
		l.Dir = filepath.Join(l.Dir, filepath.Join("/", name))
		l.Controllers = slices.DeleteFunc(l.Controllers, func(c string) bool {
			return !slices.Contains([]string{"cpu", "cpuacct", "cpuset", "memory", "pids"}, c)
		})
		if len(l.Controllers) > 0 {
			used = append(used, l)
		}
	}
	return used, nil
}

// makeLegacy makes the groups of version 1 that hold those of the tasks.
func (h *hierarchy) makeLegacy() error {
	for _, l := range h.legacy {
		if err := os.MkdirAll(l.Dir, 0o755); err != nil {
			return fmt.Errorf("make the control group of tasks: %w", err)
		}
	}
	dir := h.of("cpuset")
	if dir == "" {
		return nil
	}
	// What is to be divided among the tasks is not there by itself.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || strings.TrimSpace(string(own)) != "" {
			continue
		}
		all, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), all, 0)
		}
		if err != nil {
			return fmt.Errorf("make the control group of tasks: %w", err)
		}
	}
	return nil
}

// of returns the directory of tasks' groups of version 1 that have the controller.
func (h *hierarchy) of(controller string) string {
	for _, l := range h.legacy {
		if slices.Contains(l.Controllers, controller) {
			return l.Dir
		}
	}
	return ""
}

func words(file string) ([]string, error) {
	b, err := os.ReadFile(file)
	return strings.Fields(string(b)), err
}
