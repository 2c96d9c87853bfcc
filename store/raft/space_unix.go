//go:build unix

package raft

import "golang.org/x/sys/unix"

// available returns how many bytes can be written to the file system of a folder.
func available(dir string) (int64, error) {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	return int64(fs.Bavail) * int64(fs.Bsize), err
}
