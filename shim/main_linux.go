package shim

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Environ is the environment that an agent starts a shim with: it keeps the Go runtime
// small from its first instruction on. The collector is off; should the heap grow
// after all, it begins to work at the limit.
func Environ() []string { return []string{"GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=4MiB"} }

// Main is the shim: it runs the task that its argument, a state directory, describes,
// and does not return.
func Main() {
	const collecting = 4 // arguments
	switch {
	case len(os.Args) == 2 && os.Args[1] == PauseArg:
		pauseMain()
	case len(os.Args) == 3 && os.Args[1] == GuardArg:
		guardMain(os.Args[2])
	case len(os.Args) == collecting && os.Args[1] == CollectArg:
		collectMain(os.Args[2:])
	}
	if len(os.Args) != 2 {
		complain("usage: drover-shim STATE_DIRECTORY; the node agent starts it", nil)
		os.Exit(2)
	}
	switch arg := os.Args[1]; arg {
	case ExecArg, ExecTTYArg:
		execMain(arg == ExecTTYArg)
	case StageArg:
		stageMain()
	}
	// The kernel kills the task when the thread that started it ends (PDEATHSIG):
	// this thread has to live as long as the process.
	runtime.LockOSThread()

	s := &supervisor{dir: os.Args[1], cgroup: cgroup{fd: -1}, control: make(chan os.Signal, 1)}
	if err := s.start(); err != nil {
		answer(err.Error())
		os.Exit(1)
	}
	answer(Running)
	if err := s.supervise(); err != nil {
		complain("end", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// answer tells the agent, if it is still there, what became of the start. It is one
// line.
func answer(text string) {
	line := strings.ReplaceAll(text, "\n", "; ") + "\n"
	if _, err := unix.Write(AnswerFD, []byte(line)); err != nil && !errors.Is(err, unix.EPIPE) {
		complain("answer the agent", err)
	}
	if err := unix.Close(AnswerFD); err != nil {
		complain("answer the agent", err)
	}
}

// complain writes to DIR/log, which is the shim's standard error. There is nobody to
// tell that this failed.
func complain(what string, err error) {
	if err != nil {
		what += ": " + err.Error()
	}
	_, _ = os.Stderr.WriteString(what + "\n")
}

// supervisor holds the task.
type supervisor struct {
	dir     string
	spec    *Spec
	control chan os.Signal
	pump    *pump
	task    int // process ID; 0 when it has ended
	keeper  int // of the task's namespaces; 0 if there is none
	pidfd   int // of the task
	exit    *os.File
	ended   Exit
	cgroup  cgroup
	group   string // of a command's own; empty if there is none
}

// start starts the task and records it. When it fails nothing runs.
func (s *supervisor) start() error {
	if err := s.settle(); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(s.dir, SpecFile))
	if err != nil {
		return err
	}
	if s.spec, err = DecodeSpec(b); err != nil {
		return err
	}
	if err := s.reserveExit(); err != nil {
		return failed("write the state directory", err)
	}
	if s.pump, err = newPump(); err != nil {
		return err
	}
	stdout, err := s.pump.add(s.spec.Stdout)
	if err != nil {
		return failed("open the log files of stdout", err)
	}
	stderr, err := s.pump.add(s.spec.Stderr)
	if err != nil {
		return failed("open the log files of stderr", err)
	}
	if err := s.fork(stdout, stderr); err != nil {
		return failed("run "+s.spec.Path, errors.Join(err, s.clear()))
	}
	if err := s.record(); err != nil {
		return failed("record the start", errors.Join(err, s.kill(), s.reap()))
	}
	return errors.Join(unix.Close(stdout), unix.Close(stderr))
}

// settle makes this process one that outlives the agent and adopts what the task
// leaves.
func (s *supervisor) settle() error {
	// Handled, not ignored: an ignored signal would stay ignored in the task. SIGXFSZ
	// is a log file at the size limit of the process, an error of write like others.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1,
		unix.SIGUSR2, unix.SIGALRM, unix.SIGXFSZ, unix.SIGPIPE)
	signal.Notify(s.control, unix.SIGTERM)
	if err := resetReserved(); err != nil {
		return err
	}
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		unix.CloseOnExec(LockFD) // before Linux 5.11
		unix.CloseOnExec(AnswerFD)
	}
	return failed("become a subreaper", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// resetReserved gives the signals that C libraries reserve, and Go leaves alone, their
// default action. Who starts programs through posix_spawn leaves them ignored: make
// does.
func resetReserved() error {
	const first, last, maskBytes = 32, 34, 8
	var standard [4]uint64 // a struct sigaction of the kernel, with SIG_DFL
	for sig := uintptr(first); sig <= last; sig++ {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&standard)), 0, maskBytes, 0, 0)
		if errno != 0 {
			return failed("reset a signal", errno)
		}
	}
	return nil
}

// reserveExit makes the exit record with its final size.
func (s *supervisor) reserveExit() error {
	var err error
	s.exit, err = os.OpenFile(filepath.Join(s.dir, ExitFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = s.exit.Write(make([]byte, exitSize))
	return err
}

func (s *supervisor) fork(stdout, stderr int) error {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := makeGroups(s.spec.Groups); err != nil {
		return err
	}
	attr := &syscall.ProcAttr{
		Files: []uintptr{uintptr(null), uintptr(stdout), uintptr(stderr)},
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL},
	}
	if s.cgroup = makeCgroup(s.spec.Cgroup); s.cgroup.fd >= 0 {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, s.cgroup.fd
	}
	return errors.Join(s.launch(attr), unix.Close(null))
}

// clear removes what a start that failed has left: there are processes if a stage
// failed, or could not be started in namespaces that are there.
func (s *supervisor) clear() error {
	s.task = 0
	return s.reap()
}

func (s *supervisor) record() error {
	self, err := Lookup(os.Getpid())
	if err != nil {
		return err
	}
	task, err := Lookup(s.task)
	if err != nil {
		return err
	}
	boot, err := BootID()
	if err != nil {
		return err
	}
	started := &Started{
		ShimPID: self.PID, ShimStart: self.Start, PID: s.task, PIDStart: task.Start,
		At: time.Now(), Boot: boot, Cgroup: s.cgroup.path,
	}
	if s.keeper != 0 {
		keeper, err := Lookup(s.keeper)
		if err != nil {
			return err
		}
		started.Keeper = Member{PID: s.keeper, Start: keeper.Start}
	}
	return WriteFile(filepath.Join(s.dir, StartedFile), started.Encode())
}
