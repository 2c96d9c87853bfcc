package host_test

import (
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/host"
)

func TestTheMachinesIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		files fstest.MapFS
		id    string
	}{
		"machine-id": {fstest.MapFS{"etc/machine-id": {Data: []byte("3d1219c7c4c5404aaa1f6d2a48adfda4\n")}}, "3d1219c7-c4c5-404a-aa1f-6d2a48adfda4"},
		"boot-id": {fstest.MapFS{
			"etc/machine-id":                 {Data: []byte("uninitialized\n")},
			"proc/sys/kernel/random/boot_id": {Data: []byte("0e2f5d4c-5f0d-4e5c-9b1d-2b1c5a9e4a11\n")},
		}, "0e2f5d4c-5f0d-4e5c-9b1d-2b1c5a9e4a11"},
		"none": {fstest.MapFS{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			apply, err := host.Fingerprint{System: c.files}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := &api.Node{Attributes: map[string]string{}}
			apply(n)
			if n.Attributes["unique.host_id"] != c.id || n.Attributes["unique.hostname"] == "" {
				t.Errorf("got %v", n.Attributes)
			}
		})
	}
}
