package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// parallelPlugins bounds how many allocations' plugins run at a time: they wait for each
// other's iptables anyway.
const parallelPlugins = 4

// Manager makes and removes the networks of allocations. All methods may be called
// concurrently.
type Manager struct {
	opts  Options
	turns chan struct{} // one token for each allocation whose plugins run

	primed sync.Mutex // held while what the bridge's allocations share is made; guards ready
	ready  bool
}

// New returns a manager. It makes nothing yet.
func New(o Options) *Manager {
	return &Manager{opts: o.WithDefaults(), turns: make(chan struct{}, parallelPlugins)}
}

func (m *Manager) folder(allocID string) folder { return folder(filepath.Join(m.opts.Dir, allocID)) }

// recorded lists the allocations of which there is a record.
func (m *Manager) recorded() ([]string, error) {
	entries, err := os.ReadDir(m.opts.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list records of networks: %w", err)
	}
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids, nil
}
