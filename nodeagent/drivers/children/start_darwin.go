package children

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// startOf returns when a process was started, in a form to be compared; "" if there is none.
func startOf(pid int) string {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return ""
	}
	at := p.Proc.P_starttime
	return fmt.Sprintf("%d.%d", at.Sec, at.Usec)
}
