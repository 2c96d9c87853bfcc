package shim

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A program that is started as drover-shim with ExecArg, or ExecTTYArg, in place of a
// state directory runs one command beside a task, for as long as somebody listens. It
// has no state directory: what to run comes through ControlFD (see ExecSpec), and
// AnswerFD gets Running or what is wrong, as one line, and after Running the exit
// record, when nothing is left of the command. When the other end of ControlFD is
// closed, be it because its process was killed, the command is killed with everything
// that it has started.
const (
	ExecArg    = "-exec"
	ExecTTYArg = "-exec-tty" // ExecStdinFD and so on are a terminal, which becomes the command's own
)

// Descriptors that the agent gives to a shim which runs a command.
const (
	ControlFD    = 3
	ExecStdinFD  = 5
	ExecStdoutFD = 6
	ExecStderrFD = 7
)

// ExecSpec is what is to be written to ControlFD to have a command run. The outputs of
// the spec are not looked at; its control group is one that is there already.
func ExecSpec(s *Spec) []byte {
	body := s.Encode()
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// maxExecSpec is more than the kernel takes as arguments and environment, in bytes.
const maxExecSpec = 16 << 20

func readExecSpec(r io.Reader) (*Spec, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxExecSpec {
		return nil, errSpec
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return DecodeSpec(body)
}

// execMain runs a command and does not return.
func execMain(tty bool) {
	runtime.LockOSThread() // see Main
	control := os.NewFile(ControlFD, "control")
	s := &supervisor{control: make(chan os.Signal, 1), cgroup: cgroup{fd: -1}}
	if err := s.startExec(control, tty); err != nil {
		answer(err.Error())
		os.Exit(1)
	}
	tell([]byte(Running + "\n"))
	go func() {
		_, err := control.Read(make([]byte, 1)) // nothing comes but the end
		if err != nil {
			s.report(s.kill())
		}
	}()
	go s.obeyExec()
	if err := s.reapExec(); err != nil {
		complain("end", err)
		os.Exit(1)
	}
	s.ended.Swept = true
	tell(s.ended.Encode())
	os.Exit(0)
}

func tell(b []byte) {
	if _, err := unix.Write(AnswerFD, b); err != nil && !errors.Is(err, unix.EPIPE) {
		complain("answer the agent", err)
	}
}

func (s *supervisor) startExec(control io.Reader, tty bool) error {
	if err := s.settle(); err != nil {
		return err
	}
	var err error
	if s.spec, err = readExecSpec(control); err != nil {
		return err
	}
	if err := s.forkExec(tty); err != nil {
		s.task = 0
		return failed("run "+s.spec.Path, errors.Join(err, s.reapExec()))
	}
	return nil
}

// forkExec starts the command, in the control group of its task.
func (s *supervisor) forkExec(tty bool) error {
	attr := &syscall.ProcAttr{
		Files: []uintptr{ExecStdinFD, ExecStdoutFD, ExecStderrFD},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: tty, Pdeathsig: unix.SIGKILL},
	}
	if s.spec.Cgroup != "" {
		fd, err := s.openCommandGroup()
		if err != nil {
			return failed("enter the task's control group", err)
		}
		defer unix.Close(fd)
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
	}
	if err := s.launch(attr); err != nil {
		return err
	}
	// Who reads the outputs learns of their end only when no one else has them open.
	return errors.Join(unix.Close(ExecStdinFD), unix.Close(ExecStdoutFD), unix.Close(ExecStderrFD))
}

// openCommandGroup opens the control group to run the command in: that of the task, or,
// for a command whose daemons would become the keeper's and not this process's, one of
// its own below.
func (s *supervisor) openCommandGroup() (int, error) {
	dir := s.spec.Cgroup
	if s.spec.Isolation != nil {
		dir = filepath.Join(dir, "command-"+strconv.Itoa(os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return -1, err
		}
		s.group = dir
	}
	return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// endCommandGroup kills what the command has left in a group of its own.
func (s *supervisor) endCommandGroup() {
	if s.group == "" {
		return
	}
	if err := endGroup(s.group); err != nil && !errors.Is(err, os.ErrNotExist) {
		complain("kill what the command has left", err)
	}
	if err := RemoveCgroup(s.group); err != nil {
		complain("remove the command's control group", err)
	}
	s.group = ""
}

// obeyExec ends the command when the machine is shut down, say.
func (s *supervisor) obeyExec() {
	for range s.control {
		s.report(s.kill())
	}
}

// reapExec waits until the command and everything that it started is gone.
func (s *supervisor) reapExec() error {
	for {
		pid, status, err := s.nextEnd()
		switch {
		case errors.Is(err, unix.ECHILD):
			s.leaveCgroup()
			return nil
		case err != nil:
			return failed("wait for the command", err)
		case pid == s.task:
			s.task = 0
			s.ended = s.howEnded(status)
			s.endCommandGroup()
		}
	}
}

// leaveCgroup removes the control group when the task that it is of has ended before
// the command: the task's own shim could not remove it then. While the task runs this
// fails, as it should.
func (s *supervisor) leaveCgroup() {
	s.endCommandGroup()
	if s.spec.Cgroup != "" {
		_ = os.Remove(s.spec.Cgroup)
	}
	for _, g := range s.spec.Groups {
		if !g.Found {
			_ = unix.Rmdir(g.Path)
		}
	}
}
