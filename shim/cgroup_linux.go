package shim

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// cgroup is the control group (version 2) of the task. It makes killing the tree one
// atomic step, and tells of memory; what it does is done without it as well, so its
// errors are only noted.
type cgroup struct {
	path string
	fd   int // -1: there is none
}

func makeCgroup(path string) cgroup {
	none := cgroup{fd: -1}
	if path == "" {
		return none
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return none
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return none
	}
	return cgroup{path: path, fd: fd}
}

func (c cgroup) kill() {
	if c.fd < 0 {
		return
	}
	err := os.WriteFile(filepath.Join(c.path, "cgroup.kill"), []byte("1"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // before Linux 5.14
		complain("kill the cgroup", err)
	}
}

func (c cgroup) remove() {
	if c.fd < 0 {
		return
	}
	if err := RemoveCgroup(c.path); err != nil {
		complain("remove the cgroup", err)
	}
}
