package isolated

import (
	"path/filepath"
	"strings"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// mounts returns what a task finds in its root besides its own directory.
func (d *Driver) mounts(task driver.Task) []shim.Mount {
	own := ownMounts(task)
	env := d.options.ChrootEnv
	order := sortedByTarget(env)
	var list []shim.Mount
	for i, source := range order {
		m := shim.Mount{Source: source, Target: env[source], How: shim.MountReadOnly | shim.MountOptional}
		if needsOverlay(m.Target, order[i+1:], env, own) {
			m.How |= shim.MountOverlay
		}
		list = append(list, m)
	}
	list = append(list, d.hidden()...)
	return append(list, own...)
}

// ownMounts returns what is mounted for this task alone.
func ownMounts(task driver.Task) []shim.Mount {
	var list []shim.Mount
	add := func(source, target string, how shim.MountFlags) {
		if source != "" {
			list = append(list, shim.Mount{Source: source, Target: target, How: how})
		}
	}
	add(task.AllocDir, driver.RootedAllocDir, shim.MountOwn)
	if task.SecretsDir != filepath.Join(task.Dir, driver.RootedSecretsDir) { // else it is in the root already
		add(task.SecretsDir, driver.RootedSecretsDir, shim.MountOwn)
	}
	add(task.Network.Hosts, "/etc/hosts", shim.MountReadOnly)
	add(task.Network.Resolv, "/etc/resolv.conf", shim.MountReadOnly)
	for _, m := range task.Mounts {
		var how shim.MountFlags
		if m.ReadOnly {
			how |= shim.MountReadOnly
		}
		switch m.Propagation {
		case "host-to-task":
			how |= shim.MountFollows
		case "bidirectional":
			how |= shim.MountShared
		}
		add(m.Source, m.Target, how)
	}
	return list
}

// needsOverlay reports whether something is to be mounted below a directory of the
// node that may not have a place for it.
func needsOverlay(target string, later []string, env map[string]string, own []shim.Mount) bool {
	for _, source := range later {
		if below(env[source], target) {
			return true
		}
	}
	for _, m := range own {
		if below(m.Target, target) {
			return true
		}
	}
	return false
}

// below reports whether a path is in a directory.
func below(path, dir string) bool {
	rest, in := strings.CutPrefix(filepath.Clean(path), filepath.Clean(dir))
	return in && strings.HasPrefix(rest, "/")
}

// hidden returns what hides secrets of the node, wherever tasks would see them.
func (d *Driver) hidden() []shim.Mount {
	var list []shim.Mount
	for _, pattern := range append(DefaultHidden(), d.options.Hidden...) {
		found, err := filepath.Glob(pattern)
		if err != nil {
			found = []string{pattern} // it is a name, not a pattern
		}
		for _, path := range found {
			for source, target := range d.options.ChrootEnv {
				if place, seen := placeOf(path, source, target); seen {
					list = append(list, shim.Mount{Target: place, How: shim.MountHidden})
				}
			}
		}
	}
	return list
}

// placeOf returns where a file of the node is seen, if source is mounted at target.
func placeOf(path, source, target string) (string, bool) {
	if resolved, err := filepath.EvalSymlinks(source); err == nil {
		source = resolved
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	if path == source {
		return target, true
	}
	if !below(path, source) {
		return "", false
	}
	return filepath.Join(target, strings.TrimPrefix(path, source)), true
}
