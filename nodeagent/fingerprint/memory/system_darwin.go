package memory

import "golang.org/x/sys/unix"

// hasProc says that /proc/meminfo tells.
const hasProc = false

// systemMemory returns how much memory there is. How much of it is available the system
// does not tell in one number: all of it.
func systemMemory() (total, available uint64, err error) {
	total, err = unix.SysctlUint64("hw.memsize")
	return total, total, err
}
