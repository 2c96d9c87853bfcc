package fsm

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The first manifest of a database, and what the name of the file begins with that says
// which manifest counts.
const (
	firstManifest  = "MANIFEST-000001"
	manifestMarker = "marker.manifest."
)

// undoInterruptedCreation empties a directory in which the power failed while Pebble made
// its database. The file that says that the first manifest counts may then be there
// without the manifest: both are new in the directory, which is written through only
// after both. Before anything can be put into a database the directory is written through
// again; so where the first manifest counts and is missing, nothing is lost.
func undoInterruptedCreation(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	counts := false
	for _, name := range names {
		marks, isMarker := strings.CutPrefix(name, manifestMarker)
		switch {
		case name == firstManifest:
			return nil
		case isMarker && !strings.HasSuffix(marks, "."+firstManifest):
			return nil // it is older than that
		}
		counts = counts || isMarker
	}
	if !counts {
		return nil
	}
	for _, name := range names {
		if err := fs.Remove(fs.PathJoin(dir, name)); err != nil {
			return fmt.Errorf("undo an interrupted creation: %w", err)
		}
	}
	return nil
}
