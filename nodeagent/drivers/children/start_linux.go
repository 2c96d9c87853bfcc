package children

import (
	"fmt"
	"os"
	"strings"
)

// startOf returns when a process was started, in a form to be compared; "" if there is none.
// Linux is where this package is tested, not where it is used.
func startOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	const startTime = 19 // of the fields behind the name, see proc_pid_stat(5)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) <= startTime {
		return ""
	}
	return fields[startTime]
}
