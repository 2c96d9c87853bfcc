package hook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// volumes holds the node to what placement relied on: a task does not start where the
// volumes of its group are not offered any more.
type volumes struct{}

func (volumes) Name() string { return "volumes" }

func (volumes) Prestart(_ context.Context, s *Start) error {
	for name, v := range s.Group.Volumes {
		if v.Type != api.VolumeHost {
			return fmt.Errorf("%w: volume %q: volumes of type %q", api.ErrNotSupported, name, v.Type)
		}
		source := v.SourceFor(s.Alloc.Index())
		switch offered := s.Node.HostVolumes[source]; {
		case offered == nil:
			return fmt.Errorf("volume %q: this node offers no host volume %q any more", name, source)
		case offered.ReadOnly && !v.ReadOnly:
			return fmt.Errorf("volume %q: this node offers the host volume %q only to be read", name, source)
		}
	}
	return nil
}

// volumeMounts are the host volumes that the task sees at places of its own.
type volumeMounts struct{}

func (volumeMounts) Name() string { return "volume_mount" }

func (volumeMounts) Prestart(_ context.Context, s *Start) error {
	if len(s.Task.VolumeMounts) > 0 && !s.Mounter {
		return fmt.Errorf("%w: the driver %s shows its tasks the node as it is: they find a host volume at its path there",
			api.ErrNotSupported, s.Task.Driver)
	}
	s.Mounts = nil
	for _, m := range s.Task.VolumeMounts {
		name := api.Deref(m.Volume)
		v := s.Group.Volumes[name]
		if v == nil {
			return fmt.Errorf("the group asks for no volume %q", name)
		}
		offered := s.Node.HostVolumes[v.SourceFor(s.Alloc.Index())]
		if offered == nil {
			return fmt.Errorf("this node offers no host volume %q any more", name)
		}
		info, err := os.Stat(offered.Path)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no directory", offered.Path)
		}
		if err != nil {
			return fmt.Errorf("host volume %q: %w", name, err)
		}
		target := s.Vars.Replace(api.Deref(m.Destination))
		if !filepath.IsAbs(target) { // as the reference has it: from the root of the task
			target = "/" + target
		}
		s.Mounts = append(s.Mounts, driver.Mount{
			Source: offered.Path, Target: filepath.Clean(target),
			ReadOnly:    offered.ReadOnly || v.ReadOnly || api.Deref(m.ReadOnly),
			Propagation: api.Deref(m.PropagationMode),
		})
	}
	return nil
}
