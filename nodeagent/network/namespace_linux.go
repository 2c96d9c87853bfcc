package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespaceDir is where network namespaces have names, also for the command ip netns.
const namespaceDir = "/var/run/netns"

// namespacePath returns where the agent's own namespace of an allocation is.
func namespacePath(allocID string) string { return filepath.Join(namespaceDir, allocID) }

// makeNamespace makes a network namespace in which loopback is up.
func makeNamespace(path string) error {
	if err := shareNamespaceDir(); err != nil {
		return fmt.Errorf("prepare %s: %w", namespaceDir, err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	made := make(chan error)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, and nothing else ever runs
		// on it.
		runtime.LockOSThread()
		made <- bindNewNamespace(path)
	}()
	if err := <-made; err != nil {
		return errors.Join(fmt.Errorf("make network namespace: %w", err), removeNamespace(path))
	}
	return nil
}

// bindNewNamespace puts this thread into a namespace of its own and gives that a name.
func bindNewNamespace(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := raiseLoopback(); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return os.NewSyscallError("mount", unix.Mount("/proc/thread-self/ns/net", path, "none", unix.MS_BIND, ""))
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return errors.Join(unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request), unix.Close(fd))
}

// shareNamespaceDir makes the folder of namespaces a mount that is shared, as ip netns
// does: what is unmounted here goes from the mount namespaces of tasks as well.
func shareNamespaceDir() error {
	if err := os.MkdirAll(namespaceDir, 0o755); err != nil {
		return err
	}
	dir, err := os.Open(namespaceDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil { // ip and other agents do this, too
		return err
	}
	err = unix.Mount("", namespaceDir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	if err := unix.Mount(namespaceDir, namespaceDir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("", namespaceDir, "none", unix.MS_SHARED|unix.MS_REC, "")
}

// removeNamespace takes a namespace's name away; it ends with the last process in it.
// Nothing there is no error.
func removeNamespace(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return fmt.Errorf("unmount network namespace %s: %w", path, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// isNamespace reports whether there is a namespace at a path.
func isNamespace(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}
