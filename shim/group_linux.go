package shim

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// makeGroups makes the control groups of a task.
func makeGroups(groups []Group) error {
	for _, g := range groups {
		if g.Found {
			continue
		}
		if err := os.Mkdir(g.Path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return failed("make a control group", err)
		}
		for _, s := range g.Settings {
			err := os.WriteFile(filepath.Join(g.Path, s.File), []byte(s.Value), 0)
			if err != nil && !(s.Optional && (errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission))) {
				return failed("limit the task", err)
			}
		}
	}
	return nil
}

// joinGroups moves this thread, which becomes the task, into the groups of the spec; in
// Cgroup it is already. In hierarchies of version 1 a thread moves on its own, which
// spares a wait for all processors that moving a process takes.
func joinGroups(s *Spec) error {
	for _, g := range s.Groups {
		if g.Path == s.Cgroup {
			continue
		}
		err := enterGroup(filepath.Join(g.Path, "tasks"))
		if errors.Is(err, os.ErrNotExist) {
			err = enterGroup(filepath.Join(g.Path, "cgroup.procs"))
		}
		if err != nil {
			return failed("enter a control group", err)
		}
	}
	return nil
}

func enterGroup(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("0") // whoever writes it
	return errors.Join(err, f.Close())
}

// RemoveGroups removes the groups that were made for a task, with those below them.
// All their processes must have ended.
func RemoveGroups(groups []Group) error {
	var errs []error
	for _, g := range groups {
		if !g.Found {
			errs = append(errs, RemoveCgroup(g.Path))
		}
	}
	return errors.Join(errs...)
}

// RemoveCgroup removes a control group with those below it; it is no error when it is
// not there.
func RemoveCgroup(path string) error {
	err := unix.Rmdir(path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	entries, readErr := os.ReadDir(path)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := RemoveCgroup(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

// oomFiles say how many processes of a group the kernel killed for want of memory, in
// cgroups of version 2 and 1.
var oomFiles = [...]string{"memory.events", "memory.oom_control"}

// sawOOM reports whether the kernel killed a process of the group for want of memory.
func sawOOM(path string) bool {
	for _, file := range oomFiles {
		b, err := os.ReadFile(filepath.Join(path, file))
		if err != nil {
			continue // the group is not one of memory
		}
		for line := range strings.Lines(string(b)) {
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok && n != "0" {
				return true
			}
		}
	}
	return false
}

// endGroup kills all processes of a control group of version 2 and returns when none
// is left.
func endGroup(path string) error {
	const patience = 100 // ms, after which the processes are counted anew
	events, err := unix.Open(filepath.Join(path, "cgroup.events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(events)
	for {
		var b [256]byte
		n, err := unix.Pread(events, b[:], 0)
		if err != nil || strings.Contains(string(b[:n]), "populated 0") {
			return err
		}
		if err := killGroup(path); err != nil {
			return err
		}
		poll := []unix.PollFd{{Fd: int32(events), Events: unix.POLLPRI}}
		if _, err := unix.Poll(poll, patience); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// killGroup kills the processes of a control group, before Linux 5.14 one by one.
func killGroup(path string) error {
	err := os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0)
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
	if err != nil {
		return err
	}
	for text := range strings.FieldsSeq(string(b)) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
