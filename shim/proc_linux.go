package shim

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
)

var errStat = errors.New("/proc/PID/stat has an unknown form")

// Process is a line of /proc: what a process is to others, and what it has used.
type Process struct {
	PID     int
	State   byte // R, S, D, Z, T …
	PPID    int
	Session int
	Start   uint64 // clock ticks since boot
	// Clock ticks; the Waited ones are those of ended children.
	UserTicks, SystemTicks             uint64
	UserTicksWaited, SystemTicksWaited uint64
	RSSPages                           uint64
}

// Lookup reads what the kernel says of a process.
func Lookup(pid int) (Process, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{}, err
	}
	return parseStat(string(b))
}

// parseStat parses /proc/PID/stat: the name, in parentheses, may hold anything.
func parseStat(s string) (Process, error) {
	open, shut := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || shut < open {
		return Process{}, errStat
	}
	f := statFields{fields: strings.Fields(s[shut+1:])}
	p := Process{
		PPID:              int(f.number(4)),
		Session:           int(f.number(6)),
		UserTicks:         f.number(14),
		SystemTicks:       f.number(15),
		UserTicksWaited:   f.number(16),
		SystemTicksWaited: f.number(17),
		Start:             f.number(22),
		RSSPages:          f.number(24),
	}
	pid, err := strconv.Atoi(strings.TrimSpace(s[:open]))
	if err != nil || f.bad || f.fields[0] == "" {
		return Process{}, errStat
	}
	p.PID, p.State = pid, f.fields[0][0]
	return p, nil
}

// statFields is what follows the name; field 3 is the first of it.
type statFields struct {
	fields []string
	bad    bool
}

func (f *statFields) number(field int) uint64 {
	if field-3 >= len(f.fields) {
		f.bad = true
		return 0
	}
	n, err := strconv.ParseInt(f.fields[field-3], 10, 64)
	if err != nil {
		f.bad = true
	}
	return uint64(n)
}

// Children returns the processes whose parent pid is.
func Children(pid int) ([]int, error) {
	tasks := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return nil, err
	}
	var list []int
	for _, thread := range threads {
		b, err := os.ReadFile(tasks + "/" + thread.Name() + "/children")
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended, or the kernel has no such file: see Processes
		}
		if err != nil {
			return nil, err
		}
		for pid := range strings.FieldsSeq(string(b)) {
			n, err := strconv.Atoi(pid)
			if err != nil {
				return nil, err
			}
			list = append(list, n)
		}
	}
	return list, nil
}

// Processes returns all processes of the machine.
func Processes() ([]Process, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	list := make([]Process, 0, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := Lookup(pid); err == nil { // an error: it has ended meanwhile
			list = append(list, p)
		}
	}
	return list, nil
}

// BootID names this boot of the machine.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

// Carries reports whether a process has all the entries (NAME=VALUE) in the environment
// that it was started with.
func Carries(pid int, entries ...[]byte) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false // it has ended, or is not ours to look at
	}
	environ := bytes.Split(b, []byte{0})
	for _, entry := range entries {
		if !slices.ContainsFunc(environ, func(one []byte) bool { return bytes.Equal(one, entry) }) {
			return false
		}
	}
	return true
}
