//go:build unix

package main

import "golang.org/x/sys/unix"

// mostFiles returns how many files the process may have open.
func mostFiles() (uint64, error) {
	var files unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	return files.Cur, err
}
