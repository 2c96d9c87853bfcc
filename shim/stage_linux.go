package shim

import (
	"errors"
	"io"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A program that is started as drover-shim with StageArg is a stage: the task's own
// process, before it becomes the task's program. It enters or makes what the task is
// to be in and gives up what it must not have, which takes more than a fork can do.
const StageArg = "-stage"

// Descriptors that a shim gives to a stage, besides the task's own.
const (
	StageSpecFD   = 3 // the spec
	StageReportFD = 4 // a pipe: what went wrong; closed when the program runs
	StageSpaceFD  = 5 // a process whose namespaces to enter, if there is one
)

// stageMain becomes the task's program and does not return.
func stageMain() {
	runtime.LockOSThread() // all of this is about one thread, which becomes the process
	err := becomeTask()
	if _, writeErr := unix.Write(StageReportFD, []byte(err.Error())); writeErr != nil {
		complain("report", errors.Join(err, writeErr))
	}
	os.Exit(1)
}

// becomeTask returns only what has gone wrong.
func becomeTask() error {
	if err := unix.CloseRange(StageSpecFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return err
	}
	if err := dieWithShim(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	b, err := io.ReadAll(io.NewSectionReader(os.NewFile(StageSpecFD, "spec"), 0, maxExecSpec))
	if err != nil {
		return err
	}
	s, err := DecodeSpec(b)
	if err != nil {
		return err
	}
	if err := joinGroups(s); err != nil {
		return err
	}
	if s.Isolation == nil {
		return becomeProgram(s, s.Path, unix.Chdir(s.Dir))
	}
	if s.Beside != nil {
		err = enterTask()
	} else {
		err = enterNew(s.Isolation)
	}
	if err != nil {
		return err
	}
	if err := changeDir(s.Dir); err != nil {
		return failed("working directory "+s.Dir, err)
	}
	program, err := findProgram(s.Path, s.Env, s.Beside == nil)
	return becomeProgram(s, program, err)
}

// dieWithShim has the kernel kill this process when the shim ends.
func dieWithShim() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }

func becomeProgram(s *Spec, program string, err error) error {
	if err != nil {
		return err
	}
	if err := confine(s.User, s.Isolation); err != nil {
		return err
	}
	return syscall.Exec(program, s.Args, s.Env)
}

// enterTask enters the namespaces of a task.
func enterTask() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	const all = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP
	return failed("enter the task's namespaces", unix.Setns(StageSpaceFD, all))
}

// enterNew enters new namespaces and makes the task's root.
func enterNew(iso *Isolation) error {
	flags := spaceFlags(iso)
	if iso.NetNS != "" {
		if err := enterNetwork(iso.NetNS); err != nil {
			return failed("enter network "+iso.NetNS, err)
		}
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWCGROUP); err != nil {
		return failed("make namespaces", err)
	}
	var err error
	if iso.HostPID {
		err = unix.Unshare(int(flags))
	} else {
		err = unix.Setns(StageSpaceFD, int(flags))
	}
	if err != nil {
		return failed("make namespaces", err)
	}
	if iso.Hostname != "" {
		if err := unix.Sethostname([]byte(iso.Hostname)); err != nil {
			return failed("set the host name", err)
		}
	}
	return makeRoot(iso)
}

func enterNetwork(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd))
}

// openPlain opens a path in the task's root, but not by way of one of the links in
// /proc that lead to what a process has open.
func openPlain(name string, flags int) (int, error) {
	return unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{
		Flags: uint64(unix.O_PATH | unix.O_CLOEXEC | flags), Resolve: unix.RESOLVE_NO_MAGICLINKS,
	})
}

func changeDir(dir string) error {
	fd, err := openPlain(dir, unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fchdir(fd), unix.Close(fd))
}

// findProgram finds the program in the task's root: a path as it is, a name in /local,
// / and PATH. What was put there without saying that it is a program, an artifact,
// is made one, if it is the task's.
func findProgram(name string, env []string, makeOne bool) (string, error) {
	if strings.Contains(name, "/") {
		return name, failed(name, checkProgram(name, makeOne))
	}
	places := []string{"/local", "/"}
	for _, entry := range env {
		if list, ok := strings.CutPrefix(entry, "PATH="); ok {
			places = append(places, strings.Split(list, ":")...)
		}
	}
	for _, place := range places {
		if found := path.Join(place, name); path.IsAbs(place) && checkProgram(found, makeOne) == nil {
			return found, nil
		}
	}
	return "", errors.New(name + ": not found in the task's directory and its PATH")
}

func checkProgram(name string, makeOne bool) error {
	fd, err := openPlain(name, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	const executable = 0o111
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
	case st.Mode&executable != 0:
		return nil
	case makeOne && unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), st.Mode&^unix.S_IFMT|executable) == nil:
		return nil
	}
	return errors.New("not a program that can be run")
}
