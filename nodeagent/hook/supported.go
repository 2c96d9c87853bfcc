package hook

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
)

// supported refuses tasks that ask for what this agent can't give them: they would
// run without what they need.
type supported struct{}

func (supported) Name() string { return "task" }

func (supported) Prestart(_ context.Context, s *Start) error {
	t := s.Task
	for _, block := range []struct {
		name string
		used bool
	}{
		{"vault", t.Vault != nil},
		{"secret", len(t.Secrets) > 0},
		{"csi_plugin", t.CSIPluginConfig != nil},
		{"schedule", t.Schedule != nil},
	} {
		if block.used {
			return fmt.Errorf("%w: %s blocks", api.ErrNotSupported, block.name)
		}
	}
	return nil
}
