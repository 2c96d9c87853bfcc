package os_test

import (
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/os"
)

func TestDistributions(t *testing.T) {
	for name, c := range map[string]struct {
		files         fstest.MapFS
		name, version string
	}{
		"debian tells its minor version elsewhere": {fstest.MapFS{
			"etc/os-release":     {Data: []byte("ID=debian\nVERSION_ID=\"12\"\n")},
			"etc/debian_version": {Data: []byte("12.11\n")},
		}, "debian", "12.11"},
		"alpine": {fstest.MapFS{"usr/lib/os-release": {Data: []byte("ID=alpine\nVERSION_ID=3.20.1\n")}}, "alpine", "3.20.1"},
		"none":   {fstest.MapFS{}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			apply, err := os.Fingerprint{System: c.files}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := &api.Node{Attributes: map[string]string{}}
			apply(n)
			if n.Attributes["os.name"] != c.name || n.Attributes["os.version"] != c.version || n.Attributes["os.signals"] == "" {
				t.Errorf("got %v", n.Attributes)
			}
		})
	}
}
