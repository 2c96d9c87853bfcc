package rawexec

import (
	"fmt"
	"os"
	"path/filepath"

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
	spec, err := held.SpecOf(task, held.Denied{})
	if err != nil {
		return nil, err
	}
	spec.Args, spec.Dir = append([]string{c.Command}, c.Args...), task.Dir
	if c.WorkDir != "" {
		spec.Dir = c.WorkDir
	}
	if info, err := os.Stat(spec.Dir); err != nil {
		return nil, fmt.Errorf("working directory: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("working directory: %s is not a directory", spec.Dir)
	}
	if spec.Path, err = held.FindCommand(c.Command, spec.Dir, task); err != nil {
		return nil, err
	}
	if d.cgroup != "" {
		spec.Cgroup = filepath.Join(d.cgroup, held.CgroupName(task.ID))
	}
	return spec, nil
}
