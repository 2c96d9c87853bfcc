package kernel

import "golang.org/x/sys/unix"

// landlockVersion asks the kernel for the version of its Landlock interface; 0 if it
// has none. See landlock_create_ruleset(2).
func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}
