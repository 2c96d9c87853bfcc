package shim

import (
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// What drover-shim does beside holding tasks that are its own, by its first argument in
// place of a state directory.
const (
	// PauseArg does nothing until SIGTERM: as the first process of a container whose
	// network others use.
	PauseArg = "-pause"
	// GuardArg, with an entry of an environment as the next argument: when the standard
	// input ends, be it because its writer was killed, all processes that have the entry
	// are killed, with what they have started. It ends when there are none any more. So
	// an agent runs what it can't be the parent of.
	GuardArg = "-guard"
)

func pauseMain() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGTERM, unix.SIGINT)
	<-end
	os.Exit(0)
}

func guardMain(entry string) {
	// An agent's end by Ctrl-C, which a terminal sends to all its processes, is not ours.
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGTERM)
	input := make([]byte, 512)
	for {
		if _, err := os.Stdin.Read(input); err != nil {
			break
		}
	}
	if err := killCarriers([]byte(entry)); err != nil {
		complain("kill the processes of "+entry, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// killCarriers kills the processes with the entry in their environment, and their
// descendants, until there are none.
func killCarriers(entry []byte) error {
	for {
		found, err := carriers(entry)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		for _, p := range found {
			if err := killProcess(p); err != nil {
				return err
			}
		}
	}
}

// carriers returns the living processes with the entry in their environment, and those
// that descend from them.
func carriers(entry []byte) ([]Process, error) {
	all, err := Processes()
	if err != nil {
		return nil, err
	}
	marked := map[int]bool{}
	var found []Process
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if p.State == 'Z' || p.State == 'X' || p.PID == os.Getpid() || marked[p.PID] {
				continue
			}
			if marked[p.PPID] || Carries(p.PID, entry) {
				marked[p.PID], grew = true, true
				found = append(found, p)
			}
		}
	}
	return found, nil
}

// killProcess kills a process and waits for its end.
func killProcess(p Process) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if now, err := Lookup(p.PID); err != nil || now.Start != p.Start {
		return nil // another one has its number
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	const patience = 1000 // ms; who hangs in the kernel is looked at again
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, patience)
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}
