package held

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// dirChanges tells of changes in a state directory: of records, and of the end of
// whoever had a file open for writing, as the holder of the lock has.
type dirChanges struct {
	file *os.File
}

func watchDir(dir string) (dirChanges, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return dirChanges{}, os.NewSyscallError("inotify_init", err)
	}
	c := dirChanges{os.NewFile(uintptr(fd), "inotify")}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_DELETE_SELF); err != nil {
		c.close()
		return dirChanges{}, os.NewSyscallError("inotify_add_watch", err)
	}
	return c, nil
}

// wait returns when something has changed since the watch began or the last wait.
func (c dirChanges) wait(ctx context.Context) error {
	var events [4096]byte
	return awaitReady(ctx, c.file, func() error {
		_, err := c.file.Read(events[:])
		return err
	})
}

func (c dirChanges) close() { _ = c.file.Close() } // nothing is written to it
