package shim

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// kept returns the contents of the files that an output has left, oldest first.
func kept(t rapid.TB, dir, prefix string) [][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files [][]byte
	for i := 0; len(files) < len(entries); i++ {
		content, err := os.ReadFile(filepath.Join(dir, prefix+"."+strconv.Itoa(i)))
		if os.IsNotExist(err) {
			if i > 1_000_000 {
				t.Fatalf("files with other names: %v", entries)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, content)
	}
	return files
}

func TestRotatedFilesHoldTheEndOfWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "output-")
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}()
		o := Output{Dir: dir, Prefix: "a.stdout", MaxFiles: rapid.IntRange(1, 4).Draw(t, "files"), MaxBytes: rapid.Int64Range(1, 60).Draw(t, "bytes")}
		piece := rapid.StringMatching(`[a-z]{0,10}(\n[a-z]{0,25}){0,8}`)
		var written []byte
		for range rapid.IntRange(1, 3).Draw(t, "attempts") {
			w, err := openOutput(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range rapid.SliceOf(piece).Draw(t, "pieces") {
				w.write([]byte(p))
				written = append(written, p...)
			}
			if w.lost != 0 {
				t.Fatalf("lost %d bytes: %v", w.lost, w.lostWhy)
			}
			if err := w.close(); err != nil {
				t.Fatal(err)
			}
		}
		files := kept(t, dir, o.Prefix)
		if len(files) > o.MaxFiles || len(files) == 0 {
			t.Fatalf("%d files, at most %d are allowed", len(files), o.MaxFiles)
		}
		for _, f := range files {
			if int64(len(f)) > o.MaxBytes {
				t.Fatalf("file of %d bytes, at most %d are allowed", len(f), o.MaxBytes)
			}
		}
		all := bytes.Join(files, nil)
		if !bytes.HasSuffix(written, all) {
			t.Fatalf("kept %q, which is not the end of %q", all, written)
		}
		if len(files) < o.MaxFiles && len(all) != len(written) {
			t.Fatalf("kept %q of %q in %d files of %d", all, written, len(files), o.MaxFiles)
		}
	})
}

func TestAFileEndsWithALineWhereItCan(t *testing.T) {
	for _, c := range []struct {
		p    string
		room int64
		move bool
		want int
	}{
		{"abc\n", 4, false, 4},
		{"abc\n", 0, false, 0},
		{"a\nb\nc", 4, false, 4},
		{"a\nb\nc", 3, false, 2},
		{"abcdef", 3, false, 3},
		{"abcdef", 3, true, 0},
		{"a\nbcdef", 3, true, 2},
	} {
		if got := cut([]byte(c.p), c.room, c.move); got != c.want {
			t.Errorf("cut(%q, %d, %v) = %d, want %d", c.p, c.room, c.move, got, c.want)
		}
	}
}

func TestOnlyPlainFilesOfItsOwnAreWritten(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(elsewhere, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(path string) error{
		"symbolic link": func(path string) error { return os.Symlink(elsewhere, path) },
		"hard link":     func(path string) error { return os.Link(elsewhere, path) },
		"pipe":          func(path string) error { return unix.Mkfifo(path, 0o600) },
		"directory":     func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, i := range []string{"0", "1", "3"} {
				if err := plant(filepath.Join(dir, "out."+i)); err != nil {
					t.Fatal(err)
				}
			}
			w, err := openOutput(Output{Dir: dir, Prefix: "out", MaxBytes: 4})
			if err != nil {
				t.Fatal(err)
			}
			w.write([]byte("one\ntwo\n"))
			if err := w.close(); err != nil {
				t.Fatal(err)
			}
			if w.lost != 0 {
				t.Errorf("lost %d bytes: %v", w.lost, w.lostWhy)
			}
			for i, want := range map[string]string{"4": "one\n", "5": "two\n"} {
				if got, err := os.ReadFile(filepath.Join(dir, "out."+i)); string(got) != want {
					t.Errorf("out.%s: %q, %v", i, got, err)
				}
			}
			if got, err := os.ReadFile(elsewhere); string(got) != "precious" {
				t.Errorf("the file elsewhere is now %q, %v", got, err)
			}
		})
	}
}

func TestALogDirectoryThatIsALinkIsRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "logs")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := openOutput(Output{Dir: link, Prefix: "out"}); err == nil {
		t.Error("opened")
	}
}

func TestOldFilesGoWhenFewerAreKept(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"out.3", "out.4", "out.5", "out.05", "out.x", "other.1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w, err := openOutput(Output{Dir: dir, Prefix: "out", MaxFiles: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "other.1 out.05 out.4 out.5 out.x" {
		t.Errorf("files %s", got)
	}
}
