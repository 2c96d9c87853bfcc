package shim

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// launch starts the program of the spec as attr says: straight away, or by way of a
// stage (see stageMain), when more is to be done in the new process than a fork can do.
func (s *supervisor) launch(attr *syscall.ProcAttr) error {
	s.pidfd = -1
	attr.Sys.PidFD = &s.pidfd
	// The task begins with this thread's signal mask; nothing says that the agent's was empty.
	if err := setMask(&unix.Sigset_t{}); err != nil {
		return err
	}
	if err := errors.Join(pin(s.spec.Cores), s.spec.Network.join()); err != nil {
		return err
	}
	restore, err := adjustOOMScore(s.spec.OOMScoreAdj)
	if err != nil {
		return err
	}
	if s.spec.staged() {
		err = s.forkStage(attr)
	} else {
		err = s.forkProgram(attr)
	}
	if err := errors.Join(err, restore()); err != nil {
		return err
	}
	if s.pidfd < 0 {
		return errors.Join(errors.New("the kernel has no pidfd (Linux 5.4)"), unix.Kill(s.task, unix.SIGKILL))
	}
	return nil
}

func setMask(set *unix.Sigset_t) error { return unix.PthreadSigmask(unix.SIG_SETMASK, set, nil) }

func (s *supervisor) forkProgram(attr *syscall.ProcAttr) (err error) {
	attr.Dir, attr.Env = s.spec.Dir, s.spec.Env
	if u := s.spec.User; u != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	}
	s.task, err = syscall.ForkExec(s.spec.Path, s.spec.Args, attr)
	return err
}

// forkStage starts a stage and waits until it has become the program.
func (s *supervisor) forkStage(attr *syscall.ProcAttr) error {
	space, err := s.enterSpace()
	if err != nil {
		return err
	}
	defer space.leave()
	program, err := ownProgram(s.spec.Isolation != nil)
	if err != nil {
		return failed("open "+Name, err)
	}
	defer unix.Close(program)
	spec, err := specFile(s.spec)
	if err != nil {
		return err
	}
	defer unix.Close(spec)
	var report [2]int
	if err := unix.Pipe2(report[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(report[0])
	attr.Dir, attr.Env = "/", Environ()
	attr.Files = append(attr.Files, uintptr(spec), uintptr(report[1]))
	if space.fd >= 0 {
		attr.Files = append(attr.Files, uintptr(space.fd))
	}
	// It is set by the stage: a fork that does it looks for its parent, which it can't see
	// from another namespace.
	attr.Sys.Pdeathsig = 0
	s.task, err = syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(program), []string{Name, StageArg}, attr)
	if err := errors.Join(err, unix.Close(report[1])); err != nil {
		return err
	}
	return readReport(report[0])
}

// readReport returns what a stage says is wrong; nil when it has become the program.
func readReport(fd int) error {
	var text []byte
	var b [1024]byte
	for {
		n, err := unix.Read(fd, b[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n > 0:
			text = append(text, b[:n]...)
			continue
		case len(text) > 0:
			return errors.New(string(text))
		}
		return nil
	}
}

// specFile returns a file in memory that has the spec.
func specFile(s *Spec) (int, error) {
	fd, err := unix.MemfdCreate("spec", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	for b := s.Encode(); len(b) > 0; {
		n, err := unix.Write(fd, b)
		if err != nil {
			return -1, errors.Join(err, unix.Close(fd))
		}
		b = b[n:]
	}
	return fd, nil
}

// firstFree is above all descriptors that a stage is given, which would be put in the
// place of others.
const firstFree = 64

// ownProgram opens the program of this process. For a moment it is the program of a
// process in the namespaces of an isolated task, which must not be able to write it,
// whatever its rights: it is opened through a mount that can only be read.
func ownProgram(isolated bool) (int, error) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return -1, err
	}
	if !isolated {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		defer unix.Close(fd)
		return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstFree)
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(tree)
	readOnly := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, readOnly); err != nil {
		return -1, err
	}
	return unix.FcntlInt(uintptr(tree), unix.F_DUPFD_CLOEXEC, firstFree)
}

// adjustOOMScore adjusts the score of this process, for what it starts to inherit, and
// returns how to make it what it was.
func adjustOOMScore(adj int) (restore func() error, err error) {
	const file = "/proc/self/oom_score_adj"
	if adj == 0 {
		return func() error { return nil }, nil
	}
	before, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(strconv.Itoa(adj)), 0)
	}
	if err != nil {
		return nil, failed("adjust the OOM score", err)
	}
	return func() error { return os.WriteFile(file, before, 0) }, nil
}
