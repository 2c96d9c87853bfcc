//go:build !linux

package network

import (
	"context"
	"fmt"

	"github.com/droverhq/drover/api"
)

// Make refuses: there are no network namespaces here.
func (m *Manager) Make(_ context.Context, r Request) (Site, error) {
	return Site{}, fmt.Errorf("%w: networks of an allocation's own (mode %q) on this operating system", api.ErrNotSupported, r.Mode)
}

// Remove has nothing to remove.
func (m *Manager) Remove(context.Context, string) error { return nil }

// Sweep has nothing to remove.
func (m *Manager) Sweep(context.Context, func(allocID string) bool) error { return nil }
