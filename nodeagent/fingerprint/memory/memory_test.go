package memory_test

import (
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/memory"
)

func TestMemory(t *testing.T) {
	for name, c := range map[string]struct {
		meminfo  string
		override int
		bytes    string
		mb       int64
	}{
		"as the machine says":  {"MemTotal:       24684092 kB\nMemFree: 1 kB\n", 0, "25276510208", 24105},
		"as the operator says": {"MemTotal:       24684092 kB\n", 1000, "1048576000", 1000},
	} {
		t.Run(name, func(t *testing.T) {
			f := memory.Fingerprint{System: fstest.MapFS{"proc/meminfo": {Data: []byte(c.meminfo)}}, TotalMB: c.override}
			apply, err := f.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := &api.Node{Attributes: map[string]string{}, Resources: &api.NodeResources{}}
			apply(n)
			if n.Attributes["memory.totalbytes"] != c.bytes || n.Resources.Memory.MemoryMB != c.mb {
				t.Errorf("got %v, %+v", n.Attributes, n.Resources.Memory)
			}
		})
	}
}

func TestNonsenseIsAnError(t *testing.T) {
	for _, s := range []string{"", "MemTotal: lots\n"} {
		f := memory.Fingerprint{System: fstest.MapFS{"proc/meminfo": {Data: []byte(s)}}}
		if _, err := f.Run(t.Context()); err == nil {
			t.Errorf("%q: no error", s)
		}
	}
}
