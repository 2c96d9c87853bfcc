// Package hostvolume finds out which of the directories that a node is to offer as
// volumes are there.
package hostvolume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/droverhq/drover/api"
)

// Fingerprint implements fingerprint.Fingerprinter.
type Fingerprint struct {
	Volumes map[string]api.HostVolumeInfo // by name, as the configuration has them
}

// Name implements fingerprint.Fingerprinter.
func (Fingerprint) Name() string { return "host volumes" }

// Run implements fingerprint.Fingerprinter. A volume whose directory is not there is
// left out, so that nothing is placed that would do without it.
func (f Fingerprint) Run(context.Context) (func(*api.Node), error) {
	there := map[string]*api.HostVolumeInfo{}
	var missing []error
	for _, name := range slices.Sorted(maps.Keys(f.Volumes)) {
		volume := f.Volumes[name]
		info, err := os.Stat(volume.Path)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is not a directory", volume.Path)
		}
		if err != nil {
			missing = append(missing, fmt.Errorf("host volume %q: %w", name, err))
			continue
		}
		there[name] = &volume
	}
	return func(n *api.Node) { n.HostVolumes = there }, errors.Join(missing...)
}
