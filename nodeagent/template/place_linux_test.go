package template_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWhatATaskPutsInThePlaceOfFilesHoldsNobodyUp(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a pipe": func(path string) error { return syscall.Mkfifo(path, 0o666) },
		"a file larger than memory": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o666), os.Truncate(path, 1<<42))
		},
	} {
		w := newWorld(t, newRegistry())
		for _, file := range []string{"out", "in"} {
			if err := put(filepath.Join(w.dir.Local("t"), file)); err != nil {
				t.Skipf("%s can't be made here: what comes of it was not tried: %v", name, err)
			}
		}
		set, _, err := w.first(t, block("hello"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := w.out(t); got != "hello" {
			t.Errorf("%s: rendered %q", name, got)
		}
		if err := os.Rename(filepath.Join(w.dir.Local("t"), "in"), filepath.Join(w.dir.Local("t"), "out")); err != nil {
			t.Fatal(err)
		}
		if err := set.Adopt(); err != nil {
			t.Errorf("adopt %s: %v", name, err)
		}
		if _, _, err := w.first(t, block(`{{file "local/out"}}`)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
