package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What may be done to files, by the version of Landlock that the kernel has: see
// https://docs.kernel.org/userspace-api/landlock.html.
const (
	readAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	// fileAccess is what can be done to what is no directory.
	fileAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	// firstAccess is all that the first version knows.
	firstAccess = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1
)

// readable is what programs, certificates and names are made of.
var readable = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/nix/store", "/gnu/store",
	"/run/systemd/resolve", "/run/resolvconf", "/proc/sys", "/sys/kernel/mm/transparent_hugepage",
}

// devices are those that programs write to and read from without harm.
var devices = []string{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}

// confine confines this thread for good, as far as the kernel can.
func confine(self string, b *brief) error {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno == unix.ENOSYS || errno == unix.EOPNOTSUPP {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("ask for the version of Landlock: %w", errno)
	}
	handled := uint64(firstAccess)
	if version >= 2 {
		handled |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		handled |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled}
	// The fields after the first one are of later versions.
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if errno != 0 {
		return fmt.Errorf("make a Landlock ruleset: %w", errno)
	}
	rules := ruleset{fd: int(fd), handled: handled}
	defer unix.Close(rules.fd)
	for _, path := range append(append([]string{self}, readable...), b.ReadPaths...) {
		rules.allow(path, readAccess)
	}
	for _, path := range append([]string{b.Temp}, devices...) {
		rules.allow(path, handled)
	}
	if rules.err != nil {
		return rules.err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("restrict by Landlock: %w", errno)
	}
	return nil
}

// ruleset gathers what is allowed.
type ruleset struct {
	fd      int
	handled uint64
	err     error // the first one
}

// allow allows something with all below it. What is not there can't be allowed.
func (r *ruleset) allow(path string, access uint64) {
	if r.err != nil {
		return
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return
	}
	if err == nil && !info.IsDir() {
		access &= fileAccess
	}
	var fd int
	if err == nil {
		fd, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		r.err = fmt.Errorf("allow %s: %w", path, err)
		return
	}
	defer unix.Close(fd)
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access & r.handled, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		r.err = fmt.Errorf("allow %s: %w", path, errno)
	}
}
