package fsm

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestACreationThatLostPowerIsBegunAgain(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		kept  bool
	}{
		"a manifest counts that is not there":    {[]string{"LOCK", "marker.manifest.000001.MANIFEST-000001", "000002.log"}, false},
		"it is there":                            {[]string{"MANIFEST-000001", "marker.manifest.000001.MANIFEST-000001"}, true},
		"another counts":                         {[]string{"marker.manifest.000002.MANIFEST-000007", "000009.sst"}, true},
		"another counts, and the first did once": {[]string{"marker.manifest.000001.MANIFEST-000001", "marker.manifest.000002.MANIFEST-000007"}, true},
		"none counts":                            {[]string{"LOCK"}, true},
	} {
		fs := vfs.NewMem()
		if err := fs.MkdirAll("/d", 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range test.files {
			f, err := fs.Create("/d/"+file, vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := undoInterruptedCreation(fs, "/d"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		left, err := fs.List("/d")
		if err != nil {
			t.Fatal(err)
		}
		if kept := len(left) > 0; kept != test.kept {
			t.Errorf("%s: %q is left", name, left)
		}
	}
}
