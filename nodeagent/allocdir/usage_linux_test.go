package allocdir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/droverhq/drover/nodeagent/allocdir"
)

func TestUsageIsWhatIsReallyOnTheDisk(t *testing.T) {
	d := allocdir.New(t.TempDir(), "a1")
	measure := func() int64 {
		t.Helper()
		n, err := d.Usage()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := measure(); n != 0 {
		t.Errorf("nothing takes %d bytes", n)
	}
	if err := errors.Join(d.Build(), d.BuildTask("web", "")); err != nil {
		t.Fatal(err)
	}
	empty := measure()
	outside := filepath.Join(t.TempDir(), "outside")
	data, local := filepath.Join(d.Shared(), "data"), d.Local("web")
	const mib = 1 << 20
	if err := errors.Join(
		os.WriteFile(outside, make([]byte, 8*mib), 0o600),
		os.WriteFile(filepath.Join(data, "a"), []byte(strings.Repeat("a", mib)), 0o600),
		os.Link(filepath.Join(data, "a"), filepath.Join(local, "same")),
		os.Symlink(filepath.Dir(outside), filepath.Join(local, "elsewhere")),
		os.Symlink("..", filepath.Join(local, "loop")),
		os.WriteFile(filepath.Join(local, "holes"), nil, 0o600),
		os.Truncate(filepath.Join(local, "holes"), 64*mib),
		os.MkdirAll(filepath.Join(local, "deep/er"), 0o700),
		os.WriteFile(filepath.Join(local, "deep/er/b"), []byte(strings.Repeat("b", mib)), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	if got := measure() - empty; got < 2*mib || got > 2*mib+64<<10 {
		t.Errorf("2 MiB take %d bytes more than nothing", got)
	}
	if err := os.WriteFile(filepath.Join(d.Logs(), "web.stdout.0"), []byte(strings.Repeat("l", mib)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := d.LogUsage(); err != nil || got < mib || got > mib+64<<10 {
		t.Errorf("1 MiB of logs takes %d bytes, %v", got, err)
	}
	if err := errors.Join(os.RemoveAll(d.Logs()), os.Symlink(filepath.Dir(outside), d.Logs())); err != nil {
		t.Fatal(err)
	}
	if got, err := d.LogUsage(); err == nil {
		t.Errorf("a link to somewhere else takes %d bytes", got)
	}
}

func TestUsageOfWhatIsTooDeepIsUnknown(t *testing.T) {
	d := allocdir.New(t.TempDir(), "a1")
	if err := d.Build(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(d.Shared(), "data", strings.Repeat("d/", 600)), 0o700); err != nil {
		t.Fatal(err)
	}
	if n, err := d.Usage(); err == nil {
		t.Errorf("it is %d bytes", n)
	}
}

func BenchmarkUsageOfTenThousandFiles(b *testing.B) {
	d := allocdir.New(b.TempDir(), "a1")
	if err := d.Build(); err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		dir := filepath.Join(d.Shared(), "data", strconv.Itoa(i/100))
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := d.Usage(); err != nil {
			b.Fatal(err)
		}
	}
}
