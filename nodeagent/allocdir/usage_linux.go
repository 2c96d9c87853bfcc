package allocdir

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// usageDepth bounds how deep directories are followed: each level holds a descriptor.
	usageDepth = 512
	// usageBatch is how many entries of a directory are read at a time.
	usageBatch = 512
	blockBytes = 512  // the unit of st_blocks, on every file system
	pageBytes  = 4096 // of file systems
)

// Usage returns how many bytes of the disk the allocation's files take: what is really
// there of files with holes, once for all links of one file, without what links lead to
// and what is mounted in it. Files may change meanwhile.
func (d Dir) Usage() (int64, error) { return usage(d.Root) }

// LogUsage returns how many of these the logs take.
func (d Dir) LogUsage() (int64, error) { return usage(d.Logs()) }

func usage(path string) (int64, error) {
	root, err := open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // nothing has been made yet
	}
	if err != nil {
		return 0, fmt.Errorf("measure allocation directory: %w", err)
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	err = errors.Join(unix.Fstat(int(root.Fd()), &st), unix.Fstatfs(int(root.Fd()), &fs))
	m := &meter{device: st.Dev, linked: map[uint64]bool{}, generous: fs.Type == unix.XFS_SUPER_MAGIC}
	if err == nil {
		err = m.directory(root, 0)
	}
	if err = errors.Join(err, root.Close()); err != nil {
		return 0, fmt.Errorf("measure allocation directory: %w", err)
	}
	return m.bytes, nil
}

type meter struct {
	device uint64
	linked map[uint64]bool // the files with several links that were counted, by inode
	bytes  int64
	// generous says that the file system gives files more blocks than they have asked for,
	// to take them back later.
	generous bool
}

func (m *meter) directory(dir *os.File, depth int) error {
	if depth > usageDepth {
		return fmt.Errorf("directories are more than %d deep", usageDepth)
	}
	for {
		entries, err := dir.ReadDir(usageBatch)
		for _, e := range entries {
			if err := m.entry(dir, e.Name(), depth); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (m *meter) entry(dir *os.File, name string, depth int) error {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil // removed since
	}
	if err != nil {
		return os.NewSyscallError("fstatat", err)
	}
	if st.Dev != m.device {
		return nil
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if !isDir && st.Nlink > 1 {
		if m.linked[st.Ino] {
			return nil
		}
		m.linked[st.Ino] = true
	}
	took := st.Blocks * blockBytes
	if m.generous && !isDir {
		took = min(took, (st.Size+pageBytes-1)/pageBytes*pageBytes)
	}
	m.bytes += took
	if !isDir {
		return nil
	}
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil // it is another thing by now
	}
	if err != nil {
		return os.NewSyscallError("openat", err)
	}
	below := os.NewFile(uintptr(fd), name)
	return errors.Join(m.directory(below, depth+1), below.Close())
}
