//go:build unix

package allocdir

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// open opens a directory, and nothing else: tasks own the places that theirs are in
// and may have put a link there, which must not be followed with the agent's rights.
func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

func chmod(path string, mode os.FileMode) error {
	dir, err := open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Chmod(mode), dir.Close())
}

func chown(path string, uid, gid int) error {
	dir, err := open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Chown(uid, gid), dir.Close())
}
