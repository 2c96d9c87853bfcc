package hook

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
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
