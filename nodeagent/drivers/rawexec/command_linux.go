package rawexec

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held"
	"github.com/droverhq/drover/shim"
)

// specOf says what the shim is to run.
func (d *Driver) specOf(task driver.Task) (*shim.Spec, error) {
	c, err := parseConfig(task.Config)
	if err != nil {
		return nil, err
	}
	task.Env = without(task.Env, append(c.deniedEnv, d.plugin.DeniedEnv...))
	spec, err := held.SpecOf(task, d.plugin.Denied)
	if err != nil {
		return nil, err
	}
	spec.Args, spec.Dir, spec.OOMScoreAdj = append([]string{c.command}, c.args...), task.Dir, c.oomScoreAdj
	if c.workDir != "" {
		spec.Dir = c.workDir
	}
	if info, err := os.Stat(spec.Dir); err != nil {
		return nil, fmt.Errorf("working directory: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("working directory: %s is not a directory", spec.Dir)
	}
	if err := makeProgram(task.Dir, c.command, spec.Dir); err != nil {
		return nil, err
	}
	if spec.Path, err = held.FindCommand(c.command, spec.Dir, task); err != nil {
		return nil, err
	}
	spec.Network = networkOf(task.Network)
	return spec, d.choose(spec, task.ID, c)
}

// networkOf returns the network that a task joins; nil: it has that of the node.
func networkOf(n driver.Network) *shim.Network {
	if n.Namespace == "" && n.Hosts == "" && n.Resolv == "" {
		return nil
	}
	return &shim.Network{Namespace: n.Namespace, Hosts: n.Hosts, Resolv: n.Resolv}
}

// makeProgram makes the command a program if it is a file of the task that was put there
// without saying that it is one: an artifact. Links don't lead out of the directory.
func makeProgram(taskDir, command, workDir string) error {
	places := []string{filepath.Join(taskDir, "local", command), filepath.Join(taskDir, command)}
	if filepath.IsAbs(command) {
		places = []string{command}
	} else if strings.Contains(command, "/") {
		places = []string{filepath.Join(workDir, command)}
	}
	dir, err := os.OpenRoot(taskDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, place := range places {
		name, err := filepath.Rel(taskDir, place)
		if err != nil || !filepath.IsLocal(name) {
			continue
		}
		info, err := dir.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue // it is looked for elsewhere
		}
		if info.Mode()&0o111 == 0 {
			err = dir.Chmod(name, info.Mode()|0o111)
		}
		return err
	}
	return nil
}

// choose chooses the control groups of a task: one of its own, and others that the job
// names.
func (d *Driver) choose(spec *shim.Spec, id string, c config) error {
	if d.cgroup != "" && c.unified == "" {
		spec.Cgroup = filepath.Join(d.cgroup, held.CgroupName(id))
	}
	add := func(option, root, group string) error {
		dir := filepath.Join(root, filepath.Join("/", strings.TrimPrefix(group, root)))
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
			return fmt.Errorf("%s: there is no control group %q: %w", option, group, err)
		}
		spec.Groups = append(spec.Groups, shim.Group{Path: dir, Found: true})
		return nil
	}
	if c.unified != "" {
		root, err := held.UnifiedRoot()
		if err == nil {
			err = add("cgroup_v2_override", root, c.unified)
		}
		if err != nil {
			return err
		}
	}
	if len(c.legacy) == 0 {
		return nil
	}
	hierarchies, err := held.LegacyHierarchies()
	if err != nil {
		return err
	}
	for _, controller := range slices.Sorted(maps.Keys(c.legacy)) {
		i := slices.IndexFunc(hierarchies, func(l held.Legacy) bool { return slices.Contains(l.Controllers, controller) })
		if i < 0 {
			return fmt.Errorf("cgroup_v1_override: the controller %q is not mounted", controller)
		}
		if err := add("cgroup_v1_override", hierarchies[i].Dir, c.legacy[controller]); err != nil {
			return err
		}
	}
	return nil
}

// without returns an environment without the variables whose names fit a pattern.
func without(env map[string]string, patterns []string) map[string]string {
	if len(patterns) == 0 {
		return env
	}
	env = maps.Clone(env)
	maps.DeleteFunc(env, func(name, _ string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			fits, err := path.Match(pattern, name)
			return fits && err == nil
		})
	})
	return env
}
