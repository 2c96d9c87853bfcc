package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// hold runs a command to its end, and what it has started, and writes down how it ended.
func hold(dir string) int {
	lock, err := os.Create(filepath.Join(dir, lockFile))
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err == nil { // the command is not to have what whoever started all this left open
		err = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	}
	if err == nil {
		// What the command leaves behind becomes a child of this process.
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	var s spec
	if err == nil {
		err = load(filepath.Join(dir, specFile), &s)
	}
	var pid int
	if err == nil {
		pid, err = run(s)
	}
	if err == nil {
		err = save(filepath.Join(dir, pidFile), pid)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("started")
	if err := save(filepath.Join(dir, endFile), reap(pid)); err != nil {
		return 1
	}
	return 0
}

func run(s spec) (int, error) {
	stdout, err := os.OpenFile(s.Stdout, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer stdout.Close()
	stderr, err := os.OpenFile(s.Stderr, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer stderr.Close()
	cmd := exec.Command(s.Args[0], s.Args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = s.Env, s.Dir, stdout, stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}

// reap waits for the command's end, ends what it has left, and returns how it ended.
func reap(pid int) (e end) {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return e
		case ended == pid:
			e.Code = status.ExitStatus()
			if status.Signaled() {
				e.Signal = int(status.Signal())
				e.Code = 128 + e.Signal
			}
			pid = 0
		}
		if pid == 0 {
			for _, left := range descendants(os.Getpid()) {
				_ = unix.Kill(left, unix.SIGKILL)
			}
		}
	}
}
