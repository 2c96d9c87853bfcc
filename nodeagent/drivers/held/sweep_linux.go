package held

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/shim"
)

// sweep kills what is left of a task whose shim was killed, and completes its exit
// record. The task's own process died with the shim; what it had started may live.
func (t task) sweep(ctx context.Context, started *shim.Started) (*shim.Exit, error) {
	lock, err := t.openLock(os.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	// The shim is gone, and with it the lock, unless another sweep is at work.
	want := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := control(lock, func(fd uintptr) error { return unix.FcntlFlock(fd, unix.F_OFD_SETLKW, &want) }); err != nil {
		return nil, err
	}
	exit, err := shim.ReadExit(t.dir)
	switch {
	case err == nil && exit.Swept:
		return exit, nil
	case errors.Is(err, shim.ErrNoRecord):
		now := time.Now().Round(0) // as it reads from the record
		exit = &shim.Exit{Code: -1, At: now, Err: "the task's exit status is unknown: its " + shim.Name + " was killed" + t.lastWords()}
	case err != nil:
		return nil, err
	}
	boot, err := shim.BootID()
	if err != nil {
		return nil, err
	}
	if boot == started.Boot {
		if err := t.killRest(ctx, started); err != nil {
			return nil, err
		}
	} else if exit.Code == -1 {
		exit.Err = "the task's exit status is unknown: the machine was restarted"
	}
	exit.Swept = true
	return exit, shim.WriteFile(t.path(shim.ExitFile), exit.Encode())
}

// killRest kills the processes that can be told to be the task's, until there is none.
func (t task) killRest(ctx context.Context, started *shim.Started) error {
	spec, err := t.spec()
	if err != nil {
		return err
	}
	mark := markOf(spec)
	killCgroup(started.Cgroup)
	for {
		left, err := remnants(started, mark)
		if err != nil {
			return fmt.Errorf("look for processes of the task: %w", err)
		}
		if len(left) == 0 {
			break
		}
		for _, p := range left {
			if err := killAndWait(ctx, p); err != nil {
				return fmt.Errorf("kill process %d of the task: %w", p.PID, err)
			}
		}
	}
	if started.Cgroup != "" {
		err = shim.RemoveCgroup(started.Cgroup)
	}
	return errors.Join(err, shim.RemoveGroups(spec.Groups))
}

func killAndWait(ctx context.Context, found shim.Process) error {
	p, err := openProcess(found.PID, found.Start)
	if errors.Is(err, errNoProcess) {
		return nil
	}
	if err != nil {
		return err
	}
	err = p.signal(unix.SIGKILL)
	if err == nil {
		err = p.wait(ctx)
	}
	return errors.Join(err, p.close())
}

// killCgroup kills a control group at once; where that is not possible remnants finds
// its processes.
func killCgroup(dir string) {
	if dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
	}
}

// remnants finds the living processes of a task: those in its control group, those in
// its session, and those that still carry the environment that names it.
func remnants(started *shim.Started, mark [][]byte) ([]shim.Process, error) {
	members, err := cgroupMembers(started.Cgroup)
	if err != nil {
		return nil, err
	}
	all, err := shim.Processes()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p shim.Process) bool {
		if p.State == 'Z' || p.State == 'X' || p.Start < started.ShimStart || p.PID == os.Getpid() {
			return true
		}
		member := shim.Member{PID: p.PID, Start: p.Start}
		own := member == started.Keeper || member == shim.Member{PID: started.PID, Start: started.PIDStart}
		return !own && p.Session != started.PID && !slices.Contains(members, p.PID) && (mark == nil || !shim.Carries(p.PID, mark...))
	})
	return all, nil
}

// cgroupMembers returns the processes of a control group and of those below it.
func cgroupMembers(dir string) ([]int, error) {
	if dir == "" {
		return nil, nil
	}
	var pids []int
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() != "cgroup.procs" {
			return err
		}
		b, err := os.ReadFile(path)
		for line := range strings.FieldsSeq(string(b)) {
			pid, parseErr := strconv.Atoi(line)
			err = errors.Join(err, parseErr)
			pids = append(pids, pid)
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) { // the last has ended
		return nil, nil
	}
	return pids, err
}

// markOf returns the environment entries that only this task's processes have: all of
// allocation and task name. Nil when the task was not given them.
func markOf(spec *shim.Spec) [][]byte {
	var mark [][]byte
	for _, entry := range spec.Env {
		if strings.HasPrefix(entry, "NOMAD_ALLOC_ID=") || strings.HasPrefix(entry, "NOMAD_TASK_NAME=") {
			mark = append(mark, []byte(entry))
		}
	}
	if len(mark) < 2 {
		return nil
	}
	return mark
}
