package shim

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// supervise waits for the task's end, records it, and returns when nothing of the
// task is left and all its output is written.
func (s *supervisor) supervise() error {
	go s.pump.run()
	go s.obey()
	if err := s.reap(); err != nil {
		return err
	}
	s.pump.finish()
	s.ended.Swept = true
	return failed("record the exit", s.recordExit())
}

// reap waits until the task and everything that it started is gone.
func (s *supervisor) reap() error {
	for {
		pid, status, err := s.nextEnd()
		switch {
		case errors.Is(err, unix.ECHILD):
			s.cgroup.remove()
			if err := RemoveGroups(s.spec.Groups); err != nil {
				complain("remove control groups", err)
			}
			return nil
		case err != nil:
			return failed("wait for the task", err)
		case pid == s.task:
			s.task = 0
			s.ended = s.howEnded(status)
			if err := s.recordExit(); err != nil {
				complain("record the exit", err)
			}
			s.cgroup.kill()
		}
	}
}

// nextEnd waits for the end of a child. Once the task itself has ended, every child
// that has not is killed.
func (s *supervisor) nextEnd() (int, unix.WaitStatus, error) {
	if s.task == 0 {
		pid, status, err := wait(unix.WNOHANG)
		if pid != 0 || err != nil {
			return pid, status, err
		}
		s.killChildren()
	}
	return wait(0)
}

func wait(options int) (int, unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, options, nil)
		if !errors.Is(err, unix.EINTR) {
			return pid, status, err
		}
	}
}

func (s *supervisor) howEnded(status unix.WaitStatus) Exit {
	e := Exit{Code: status.ExitStatus(), At: time.Now(), OOM: s.sawOOM()}
	if status.Signaled() {
		e.Signal = int(status.Signal())
		e.Code = 128 + e.Signal // as shells do
	}
	return e
}

func (s *supervisor) sawOOM() bool {
	if s.cgroup.fd >= 0 && sawOOM(s.cgroup.path) {
		return true
	}
	return slices.ContainsFunc(s.spec.Groups, func(g Group) bool { return !g.Found && sawOOM(g.Path) })
}

func (s *supervisor) recordExit() error {
	_, err := s.exit.WriteAt(s.ended.Encode(), 0)
	return err
}

// killChildren kills what the ended task has left: the children of this process.
// Only this thread reaps them, so none of their process IDs can be somebody else's.
// Their own children become ours when they die, and each death brings us here again,
// until there is none.
func (s *supervisor) killChildren() {
	children, err := Children(os.Getpid())
	if err == nil && len(children) == 0 { // the kernel keeps no such lists
		children, err = childrenByParent(os.Getpid())
	}
	if err != nil {
		complain("find the task's processes", err)
	}
	for _, pid := range children {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			complain("kill a process of the task", err)
		}
	}
}

func childrenByParent(parent int) ([]int, error) {
	all, err := Processes()
	var list []int
	for _, p := range all {
		if p.PPID == parent {
			list = append(list, p.PID)
		}
	}
	return list, err
}

// kill kills the task; supervise does the rest when it is dead.
func (s *supervisor) kill() error { return unix.PidfdSendSignal(s.pidfd, unix.SIGKILL, nil, 0) }

// defaultStop is for a SIGTERM that does not come from the agent but from the
// machine's shutdown, say.
var defaultStop = Stop{Signal: unix.SIGTERM, Grace: 5 * time.Second}

// obey stops the task as DIR/stop says, whenever SIGTERM comes. The latest word
// holds.
func (s *supervisor) obey() {
	var timer *time.Timer
	for range s.control {
		stop, err := ReadStop(s.dir)
		if err != nil {
			stop = defaultStop
		}
		if timer != nil {
			timer.Stop()
		}
		if stop.Grace > 0 && stop.Signal != unix.SIGKILL {
			timer = time.AfterFunc(stop.Grace, func() { s.report(s.kill()) })
			s.report(unix.PidfdSendSignal(s.pidfd, stop.Signal, nil, 0))
			continue
		}
		s.report(s.kill())
	}
}

func (s *supervisor) report(err error) {
	if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
		complain("signal the task", err)
	}
}
