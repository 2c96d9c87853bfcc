package children

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/droverhq/drover/nodeagent/driver"
)

// tree is the processes of a task: a job object, which ends them when the last handle of
// it is closed, so also when the agent ends.
type tree struct {
	pid uint32
	job windows.Handle
}

func start(cmd *exec.Cmd, _ string) (*tree, error) {
	job, err := newJob()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(job))
	}
	// What the process has started before this line is not in the job.
	t := &tree{uint32(cmd.Process.Pid), job}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, t.pid)
	if err == nil {
		err = errors.Join(windows.AssignProcessToJobObject(job, process), windows.CloseHandle(process))
	}
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill(), lasting(cmd.Wait()), windows.CloseHandle(job))
	}
	return t, nil
}

func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		return 0, errors.Join(err, windows.CloseHandle(job))
	}
	return job, nil
}

// ask sends Ctrl-Break to the task, whatever the signal: Windows has no others. One that
// has no console does not get it, and is killed when its time is over.
func (t *tree) ask(string) error {
	_ = windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, t.pid)
	return nil
}

// known takes every signal: all mean the same.
func known(string) error { return nil }

// killed is the exit code of what is killed.
const killed = 1

func (t *tree) kill() error { return windows.TerminateJobObject(t.job, killed) }

// end kills what the task's first process has left behind.
func (t *tree) end() error { return windows.CloseHandle(t.job) }

// killLeft does nothing: processes end with their agent.
func killLeft(string) error { return nil }

// resultOf reads how a process ended.
func resultOf(s *os.ProcessState) driver.ExitResult { return driver.ExitResult{ExitCode: s.ExitCode()} }
