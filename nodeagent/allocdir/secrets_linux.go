package allocdir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// DefaultSecretsMB is how much fits into the secrets of a task, in MiB, that says nothing
// of it.
const DefaultSecretsMB = 1

// ProbeSecrets says why the secrets of tasks can't be kept in memory; nil: they can.
func ProbeSecrets() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can mount a file system for them")
	}
	dir, err := os.MkdirTemp("", "drover-probe-")
	if err != nil {
		return err
	}
	err = mountSecrets(dir, DefaultSecretsMB)
	if err == nil {
		err = unmount(dir)
	}
	return errors.Join(err, os.Remove(dir))
}

// MountSecrets keeps the secrets of a task, whose directory has been built, in memory: at
// most that many MiB (0: the default) are written to no disk. Its owner is as in BuildTask.
// What is mounted already stays.
func (d Dir) MountSecrets(task, owner string, sizeMB int) error {
	if sizeMB <= 0 {
		sizeMB = DefaultSecretsMB
	}
	path := d.Secrets(task)
	mounted, err := inMemory(path)
	if err == nil && !mounted {
		err = mountSecrets(path, sizeMB)
	}
	if err == nil && owner != "" {
		err = give(path, owner)
	}
	if err != nil {
		return fmt.Errorf("keep the secrets of task %s in memory: %w", task, err)
	}
	return nil
}

func inMemory(path string) (bool, error) {
	dir, err := open(path)
	if err != nil {
		return false, err
	}
	var st unix.Statfs_t
	err = unix.Fstatfs(int(dir.Fd()), &st)
	return st.Type == unix.TMPFS_MAGIC && mountPoint(dir), errors.Join(err, dir.Close())
}

// mountPoint reports whether a directory is not of the file system that it is in.
func mountPoint(dir *os.File) bool {
	var own, above unix.Stat_t
	if unix.Fstat(int(dir.Fd()), &own) != nil || unix.Fstatat(int(dir.Fd()), "..", &above, 0) != nil {
		return false
	}
	return own.Dev != above.Dev
}

func mountSecrets(path string, sizeMB int) error {
	dir, err := open(path) // and not what a link there leads to
	if err != nil {
		return err
	}
	at := "/proc/self/fd/" + strconv.Itoa(int(dir.Fd()))
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	err = unix.Mount("secrets", at, "tmpfs", flags, fmt.Sprintf("size=%dm,mode=0700", sizeMB))
	return errors.Join(os.NewSyscallError("mount", err), dir.Close())
}

// UnmountSecrets forgets what is kept in memory of the secrets of all tasks.
func (d Dir) UnmountSecrets() error {
	tasks, err := os.ReadDir(d.Root)
	if errors.Is(err, os.ErrNotExist) || os.Geteuid() != 0 {
		return nil
	}
	for _, task := range tasks {
		if task.IsDir() && task.Name() != SharedDir {
			err = errors.Join(err, unmount(filepath.Join(d.Root, task.Name(), SecretsDir)))
		}
	}
	return err
}

// unmount unmounts what is mounted at a path, also if it is in use, if anything is.
func unmount(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return os.NewSyscallError("unmount "+path, err)
}
