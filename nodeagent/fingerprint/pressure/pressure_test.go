package pressure_test

import (
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/pressure"
)

func look(t *testing.T, f *pressure.Fingerprint) string {
	t.Helper()
	write, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := &api.Node{Attributes: map[string]string{}}
	write(n)
	return n.Attributes[pressure.Attribute]
}

func TestANodeIsShortOfMemoryUntilThereIsMoreThanJustEnough(t *testing.T) {
	available := uint64(50)
	f := &pressure.Fingerprint{
		Dir: t.TempDir(), DiskUsage: 100, InodeUsage: 100,
		Memory: func() (uint64, uint64, error) { return 100, available, nil },
	}
	for _, step := range []struct {
		available uint64
		want      string
	}{{50, ""}, {5, ""}, {4, "memory"}, {6, "memory"}, {9, "memory"}, {11, ""}, {6, ""}} {
		available = step.available
		if got := look(t, f); got != step.want {
			t.Errorf("%d %% available: short of %q, want %q", step.available, got, step.want)
		}
	}
}

func TestANodeWhoseDiskIsFuller(t *testing.T) {
	f := &pressure.Fingerprint{
		Dir: t.TempDir(), DiskUsage: -1, InodeUsage: 100,
		Memory: func() (uint64, uint64, error) { return 100, 1, nil },
	}
	if got := look(t, f); got != "disk,memory" {
		t.Errorf("short of %q", got)
	}
}
