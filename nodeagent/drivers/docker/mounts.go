package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
	"github.com/droverhq/drover/nodeagent/driver"
)

// mounts says what of the node, and of the engine's volumes, the task sees.
func (r *recipe) mounts() error {
	for _, m := range []driver.Mount{
		{Source: r.task.AllocDir, Target: driver.RootedAllocDir},
		{Source: filepath.Join(r.task.Dir, allocdir.LocalDir), Target: driver.RootedTaskDir},
		{Source: r.task.SecretsDir, Target: driver.RootedSecretsDir},
	} {
		if info, err := os.Stat(m.Source); m.Source != "" && err == nil && info.IsDir() {
			r.bind(m)
		}
	}
	for _, m := range r.task.Mounts {
		r.bind(m)
	}
	for _, v := range r.c.Volumes {
		source := v.Source
		if r.c.VolumeDriver == "" {
			var err error
			if source, err = r.onNode(source); err != nil {
				return fmt.Errorf("volume %s: %w", v.Source, err)
			}
		}
		r.host.Binds = append(r.host.Binds, strings.Trim(strings.Join([]string{source, v.Target, joinModes(v.Mode, r.o.SELinuxLabel)}, ":"), ":"))
	}
	for _, m := range r.c.Mounts {
		if err := r.mountBlock(m); err != nil {
			return err
		}
	}
	return nil
}

func joinModes(modes ...string) string {
	return strings.Trim(strings.Join(modes, ","), ",")
}

// propagations are the engine's words for those of volume_mount blocks.
var propagations = map[string]mount.Propagation{
	"": mount.PropagationRPrivate, "private": mount.PropagationRPrivate,
	"host-to-task": mount.PropagationRSlave, "bidirectional": mount.PropagationRShared,
}

func (r *recipe) bind(m driver.Mount) {
	if label := r.o.SELinuxLabel; label != "" { // only the older form can have it
		mode := ""
		if m.ReadOnly {
			mode = "ro"
		}
		r.host.Binds = append(r.host.Binds, strings.Join([]string{m.Source, m.Target, joinModes(mode, label, string(propagations[m.Propagation]))}, ":"))
		return
	}
	r.host.Mounts = append(r.host.Mounts, mount.Mount{
		Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly,
		BindOptions: &mount.BindOptions{Propagation: propagations[m.Propagation]},
	})
}

func (r *recipe) mountBlock(m mountBlock) error {
	out := mount.Mount{Type: mount.Type(m.Type), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
	switch m.Type {
	case "bind":
		source, err := r.onNode(m.Source)
		if err != nil {
			return fmt.Errorf("mount %s: %w", m.Target, err)
		}
		out.Source = source
		out.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(m.Propagation)}
	case "volume":
		out.VolumeOptions = &mount.VolumeOptions{NoCopy: m.NoCopy, Labels: m.Labels}
		if m.Driver != "" || len(m.DriverOptions) > 0 {
			out.VolumeOptions.DriverConfig = &mount.Driver{Name: m.Driver, Options: m.DriverOptions}
		}
	case "tmpfs":
		out.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.TmpfsSize, Mode: os.FileMode(m.TmpfsMode)}
	}
	r.host.Mounts = append(r.host.Mounts, out)
	return nil
}

// onNode returns the path on the node that a task means: a relative one is in its
// directory. Where tasks may not have directories of the node it must be the
// allocation's, whatever links the task has put there.
func (r *recipe) onNode(source string) (string, error) {
	if !filepath.IsAbs(source) {
		source = filepath.Join(r.task.Dir, source)
	}
	if r.o.Volumes {
		return source, nil
	}
	refused := &api.InvalidError{What: "config of driver " + Name}
	root, err := filepath.EvalSymlinks(filepath.Dir(r.task.AllocDir))
	if err != nil {
		return "", err
	}
	inside := func(p string) bool { return p == root || strings.HasPrefix(p, root+string(filepath.Separator)) }
	real, err := filepath.EvalSymlinks(source)
	if os.IsNotExist(err) && inside(filepath.Clean(source)) {
		if err = os.MkdirAll(source, 0o777); err == nil {
			real, err = filepath.EvalSymlinks(source)
		}
	}
	if err == nil && inside(real) {
		return real, nil
	}
	refused.Add(source, "is not in the allocation's directory; a directory of the node "+needsVolumes)
	return "", refused
}

// securityOpt returns the options, a seccomp profile in place of its file.
func (r *recipe) securityOpt() ([]string, error) {
	out := make([]string, 0, len(r.c.SecurityOpt))
	for _, option := range r.c.SecurityOpt {
		name, value, _ := strings.Cut(strings.Replace(option, "seccomp:", "seccomp=", 1), "=")
		if name != "seccomp" || value == "unconfined" || value == "builtin" || strings.HasPrefix(value, "{") {
			out = append(out, option)
			continue
		}
		file, err := r.onNode(value)
		if err != nil {
			return nil, fmt.Errorf("security_opt: %w", err)
		}
		profile, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("security_opt: %w", err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, profile); err != nil {
			return nil, fmt.Errorf("security_opt: profile %s: %w", value, err)
		}
		out = append(out, "seccomp="+compact.String())
	}
	return out, nil
}
