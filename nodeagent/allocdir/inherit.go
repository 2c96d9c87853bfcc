package allocdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// heirlooms are the directories of an allocation that its successor may take over, by
// their paths below Root.
func heirlooms(tasks []string) []string {
	dirs := []string{filepath.Join(SharedDir, DataDir)}
	for _, task := range tasks {
		dirs = append(dirs, filepath.Join(task, LocalDir))
	}
	return dirs
}

// Inherit takes alloc/data, and the local directories of tasks, from an allocation that has
// ended on the same file system. It may be called again after a crash. What the
// allocation has itself stays, as does what the other one has for other tasks.
func (d Dir) Inherit(from Dir, tasks []string) error {
	if err := d.Build(); err != nil {
		return err
	}
	for _, dir := range heirlooms(tasks) {
		if err := d.take(from, dir); err != nil {
			return fmt.Errorf("take over %s of the allocation before: %w", dir, err)
		}
	}
	return nil
}

func (d Dir) take(from Dir, dir string) error {
	source, target := filepath.Join(from.Root, dir), filepath.Join(d.Root, dir)
	info, err := os.Lstat(source)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() { // a task may have put something else there
		return nil
	}
	if err != nil {
		return err
	}
	if err := mkdir(filepath.Dir(target), modeOpen); err != nil {
		return err
	}
	switch err := os.Remove(target); {
	case errors.Is(err, fs.ErrExist):
		return nil // there is something in it already
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Rename(source, target)
}
