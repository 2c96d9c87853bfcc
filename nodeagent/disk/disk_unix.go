//go:build unix

package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Of returns the usage of the file system that a file or folder is on.
func Of(path string) (Usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Usage{}, fmt.Errorf("size of the file system of %s: %w", path, err)
	}
	unit := uint64(st.Bsize)
	return Usage{
		Size: st.Blocks * unit, Used: (st.Blocks - st.Bfree) * unit, Available: uint64(st.Bavail) * unit,
		Inodes: st.Files, FreeInodes: uint64(st.Ffree),
	}, nil
}
