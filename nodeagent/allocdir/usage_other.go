//go:build !linux

package allocdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Usage returns how many bytes the allocation's files have.
func (d Dir) Usage() (int64, error) { return usage(d.Root) }

// LogUsage returns how many of these the logs take.
func (d Dir) LogUsage() (int64, error) { return usage(d.Logs()) }

func usage(root string) (bytes int64, err error) {
	err = filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				bytes += info.Size()
			}
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	return bytes, err
}
