//go:build unix

package artifact

import (
	"io/fs"
	"syscall"
)

// ownerOf returns whose file it is.
func ownerOf(info fs.FileInfo) (uid, gid int, ok bool) {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(owner.Uid), int(owner.Gid), true
}
