package shim

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// What of /proc and /sys tells of the whole machine, or changes it.
var (
	hiddenKernel = [...]string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
		"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
	readOnlyKernel = [...]string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// mountKernel mounts /proc, /sys and /dev.
func (r *root) mountKernel() error {
	if err := r.mountDev(); err != nil {
		return err
	}
	const attr = ownAttr | unix.MOUNT_ATTR_NOEXEC
	if err := r.mountFS("proc", "/proc", attr); err != nil {
		return err
	}
	if err := r.mountFS("sysfs", "/sys", attr|unix.MOUNT_ATTR_RDONLY); err != nil {
		return err
	}
	for _, name := range hiddenKernel {
		if err := r.hide(name); err != nil {
			return failed("hide "+name, err)
		}
	}
	for _, name := range readOnlyKernel {
		if err := r.freeze(name); err != nil {
			return failed("protect "+name, err)
		}
	}
	return nil
}

func (r *root) mountFS(kind, target string, attr int, options ...string) error {
	tree, err := makeFS(kind, attr, options...)
	if err != nil {
		return err
	}
	return failed("mount "+target, errors.Join(r.attach(tree, target), unix.Close(tree)))
}

// freeze makes a part of /proc read-only.
func (r *root) freeze(name string) error {
	fd, err := r.look(r.fd, name[1:])
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	tree, err := unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", fd, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// devices are those that every program may rely on.
var devices = [...]struct {
	name         string
	major, minor uint32
}{
	{"null", 1, 3},
	{"zero", 1, 5},
	{"full", 1, 7},
	{"random", 1, 8},
	{"urandom", 1, 9},
	{"tty", 5, 0},
}

var deviceLinks = [...][2]string{
	{"pts/ptmx", "ptmx"},
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
}

// mountDev mounts a /dev in which there are some devices, and there can't be others.
func (r *root) mountDev() error {
	tree, err := makeFS("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "mode", "0755", "size", "64k")
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	if err := r.fillDev(tree); err != nil {
		return failed("make /dev", err)
	}
	if err := r.attach(tree, "/dev"); err != nil {
		return failed("mount /dev", err)
	}
	const ttyGroup = "5" // on all Linuxes
	const attr = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
	err = errors.Join(
		r.mountFS("devpts", "/dev/pts", attr, "newinstance", "", "ptmxmode", "0666", "mode", "0620", "gid", ttyGroup),
		r.mountFS("tmpfs", "/dev/shm", attr|unix.MOUNT_ATTR_NODEV, "mode", "1777", "size", "64m"),
		r.mountFS("mqueue", "/dev/mqueue", attr|unix.MOUNT_ATTR_NODEV),
	)
	if err != nil {
		return err
	}
	return unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}

func (r *root) fillDev(tree int) error {
	defer unix.Umask(unix.Umask(0))
	for _, d := range devices {
		if err := unix.Mknodat(tree, d.name, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return failed(d.name, err)
		}
	}
	for _, link := range deviceLinks {
		if err := unix.Symlinkat(link[0], tree, link[1]); err != nil {
			return failed(link[1], err)
		}
	}
	for _, m := range r.iso.Mounts { // places for them: later none can be made
		name, in := strings.CutPrefix(m.Target, "/dev/")
		if !in || m.How&MountDevice == 0 {
			continue
		}
		if err := unix.Mknodat(tree, name, unix.S_IFREG, 0); err != nil {
			return failed(name, err)
		}
	}
	for _, dir := range []string{"pts", "shm", "mqueue"} {
		if err := unix.Mkdirat(tree, dir, 0o755); err != nil {
			return failed(dir, err)
		}
	}
	var err error
	r.null, err = unix.Openat(tree, "null", unix.O_PATH|unix.O_CLOEXEC, 0)
	return err
}
