package process

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Memory is how much of a process is in memory (RSS) now, in bytes.
func Memory(pid int) (int64, error) { return statusField(pid, "VmRSS:") }

// PeakMemory is how much of it was in memory at most, in bytes.
func PeakMemory(pid int) (int64, error) { return statusField(pid, "VmHWM:") }

func statusField(pid int, name string) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, name)
}

// clockTick is the unit of times in /proc, which is the same on all architectures
// that Go knows.
const clockTick = 10 * time.Millisecond

// CPU is how much CPU time a process has used, in user and system mode.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold anything.
	_, rest, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // fields 14 and 15, counted from the one behind the name
	if !ok || len(fields) <= system {
		return 0, fmt.Errorf("process %d: cannot read its stat %q", pid, b)
	}
	ticks := 0
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("process %d: CPU time: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
