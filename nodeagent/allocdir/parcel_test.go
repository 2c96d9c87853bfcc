package allocdir_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
)

// furnished returns an allocation's directory in which a task has left something.
func furnished(t *testing.T, root string) allocdir.Dir {
	t.Helper()
	d := allocdir.New(root, "before")
	long := filepath.Join(d.Local("web"), strings.Repeat("long", 40), strings.Repeat("name", 40))
	if err := errors.Join(
		d.Build(), d.BuildTask("web", ""), d.BuildTask("gone", ""),
		os.WriteFile(filepath.Join(d.Shared(), "data/shared"), []byte("shared"), 0o640),
		os.WriteFile(filepath.Join(d.Shared(), "tmp/scratch"), nil, 0o600),
		os.WriteFile(filepath.Join(d.Local("web"), "own"), []byte("own"), 0o750),
		os.WriteFile(filepath.Join(d.Secrets("web"), "token"), []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(d.Local("gone"), "file"), nil, 0o600),
		os.Symlink("/etc/passwd", filepath.Join(d.Local("web"), "link")),
		os.MkdirAll(filepath.Dir(long), 0o755), os.WriteFile(long, nil, 0o600),
		os.Chtimes(filepath.Join(d.Local("web"), "own"), time.Time{}, time.Unix(1e9, 0)),
		os.Mkdir(filepath.Join(d.Local("web"), "closed"), 0o700),
		os.WriteFile(filepath.Join(d.Local("web"), "closed/in"), []byte("in"), 0o600),
		os.Chmod(filepath.Join(d.Local("web"), "closed"), 0o500),
	); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(d.Local("web"), "closed"), 0o700) }) // it has moved if all went well
	return d
}

// checkTaken says what is not as the task left it.
func checkTaken(t *testing.T, d allocdir.Dir) {
	t.Helper()
	t.Cleanup(func() {
		if err := os.Chmod(filepath.Join(d.Local("web"), "closed"), 0o700); err != nil {
			t.Error(err)
		}
	})
	for path, want := range map[string]string{"alloc/data/shared": "shared", "web/local/own": "own", "web/local/closed/in": "in"} {
		if got, err := os.ReadFile(filepath.Join(d.Root, path)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for path, want := range map[string]fs.FileMode{
		"alloc/data": fs.ModeDir | 0o777, "alloc/data/shared": 0o640, "web": fs.ModeDir | 0o777, "web/local": fs.ModeDir | 0o777,
		"web/local/own": 0o750, "web/local/closed": fs.ModeDir | 0o500, "web/local/link": fs.ModeSymlink | 0o777,
	} {
		if info, err := os.Lstat(filepath.Join(d.Root, path)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if info, err := os.Stat(filepath.Join(d.Local("web"), "own")); err != nil || !info.ModTime().Equal(time.Unix(1e9, 0)) {
		t.Errorf("written %v, %v", info, err)
	}
	for _, path := range []string{"alloc/tmp/scratch", "web/secrets/token", "gone", ".incoming"} {
		if _, err := os.Lstat(filepath.Join(d.Root, path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestASuccessorTakesOverDataAndLocalDirectories(t *testing.T) {
	root := t.TempDir()
	before, after := furnished(t, root), allocdir.New(root, "after")
	for range 2 { // the second time changes nothing
		if err := after.Inherit(before, []string{"web", "new"}); err != nil {
			t.Fatal(err)
		}
	}
	checkTaken(t, after)
}

func TestWhatASuccessorHasItselfStays(t *testing.T) {
	root := t.TempDir()
	before, after := furnished(t, root), allocdir.New(root, "after")
	own := filepath.Join(after.Shared(), "data/own")
	if err := errors.Join(after.Build(), os.WriteFile(own, nil, 0o600), after.Inherit(before, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(before.Shared(), "data/shared")); err != nil {
		t.Error(err)
	}
}

func TestNothingIsTakenThroughALink(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	before, after := furnished(t, root), allocdir.New(root, "after")
	data := filepath.Join(before.Shared(), "data")
	if err := errors.Join(os.RemoveAll(data), os.Symlink(outside, data), os.WriteFile(filepath.Join(outside, "f"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := after.Inherit(before, nil); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := before.Send(&b, nil); err != nil || bytes.Contains(b.Bytes(), []byte("data")) {
		t.Errorf("sent %q, %v", b.Bytes(), err)
	}
	if info, err := os.Lstat(filepath.Join(after.Shared(), "data")); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
}

func TestFilesTravelWholeOrNotAtAll(t *testing.T) {
	before := furnished(t, t.TempDir())
	var b bytes.Buffer
	if err := before.Send(&b, []string{"web", "gone"}); err != nil {
		t.Fatal(err)
	}
	parcel, root := b.Bytes(), t.TempDir()
	after := allocdir.New(root, "after")
	for n := 0; n < len(parcel)-2048; n += 512 {
		if err := after.Receive(bytes.NewReader(parcel[:n]), []string{"web"}, 1<<20); err == nil {
			t.Fatalf("%d bytes of %d were taken for all", n, len(parcel))
		}
		if entries, err := os.ReadDir(filepath.Join(after.Shared(), "data")); err != nil || len(entries) > 0 {
			t.Fatalf("%v, %v", entries, err)
		}
	}
	if err := after.Receive(bytes.NewReader(parcel), []string{"web"}, 10_000); !errors.Is(err, api.ErrTooLarge) {
		t.Errorf("more than may be: %v", err)
	}
	if err := after.Receive(bytes.NewReader(parcel), []string{"web"}, 1<<20); err != nil {
		t.Fatal(err)
	}
	checkTaken(t, after)
}

func TestAForeignParcelReachesNothingOutside(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"upwards":        {{Name: "alloc/data/../../../out", Typeflag: tar.TypeReg}},
		"absolute":       {{Name: "/etc/out", Typeflag: tar.TypeReg}},
		"through a link": {{Name: "alloc/data", Typeflag: tar.TypeDir}, {Name: "alloc/data/l", Typeflag: tar.TypeSymlink, Linkname: "../../../.."}, {Name: "alloc/data/l/out", Typeflag: tar.TypeReg}},
		"a device":       {{Name: "alloc/data", Typeflag: tar.TypeDir}, {Name: "alloc/data/null", Typeflag: tar.TypeChar}},
		"a hard link":    {{Name: "alloc/data", Typeflag: tar.TypeDir}, {Name: "alloc/data/l", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"huge":           {{Name: "alloc/data/f", Typeflag: tar.TypeReg, Size: 1 << 40}},
		"never ending":   {{Name: "alloc/data", Typeflag: tar.TypeDir}},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		root := t.TempDir()
		if err := allocdir.New(root, "a").Receive(io.MultiReader(&b, bytes.NewReader(make([]byte, 1024))), nil, 1<<20); err == nil {
			t.Errorf("%s: it was taken", name)
		}
		if entries, err := os.ReadDir(root); err != nil || len(entries) != 1 {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
}
