//go:build unix

package artifact

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner that another one has.
func keepOwner(root *os.Root, to string, from fs.FileInfo) error {
	if owner, ok := from.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		return root.Lchown(to, int(owner.Uid), int(owner.Gid))
	}
	return nil
}
