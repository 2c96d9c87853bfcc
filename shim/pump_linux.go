package shim

import (
	"errors"

	"golang.org/x/sys/unix"
)

// drainMax bounds what is read after the end: as much as the largest pipe holds, for
// somebody outside the task may have its other end and write for ever.
const drainMax = 1 << 20

// stream is one output of the task: a pipe and the files that it goes to.
type stream struct {
	pipe  int // read end, non-blocking; -1 after its end
	files *output
}

// pump copies the task's output to its files, until finish is called and the pipes
// are empty. One buffer serves both outputs and nothing is allocated.
type pump struct {
	streams []*stream
	wake    int // eventfd
	done    chan struct{}
	buf     [32 << 10]byte
}

func newPump() (*pump, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return &pump{wake: wake, done: make(chan struct{})}, nil
}

// add opens the files of an output and returns the descriptor for the task to write
// to. The caller closes it once the task has it.
func (p *pump) add(o Output) (int, error) {
	if o.Disabled {
		return unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	}
	files, err := openOutput(o)
	if err != nil {
		return -1, err
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, errors.Join(err, files.close())
	}
	if err := unix.SetNonblock(ends[0], true); err != nil {
		return -1, err
	}
	p.streams = append(p.streams, &stream{pipe: ends[0], files: files})
	return ends[1], nil
}

func (p *pump) run() {
	defer close(p.done)
	fds := make([]unix.PollFd, len(p.streams)+1)
	for {
		for i, s := range p.streams {
			fds[i] = unix.PollFd{Fd: int32(s.pipe), Events: unix.POLLIN}
		}
		fds[len(p.streams)] = unix.PollFd{Fd: int32(p.wake), Events: unix.POLLIN}
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || fds[len(p.streams)].Revents != 0 {
			break
		}
		for i, s := range p.streams {
			if fds[i].Revents != 0 {
				p.copy(s)
			}
		}
	}
	for _, s := range p.streams {
		for copied := 0; copied < drainMax; {
			n := p.copy(s)
			if n == 0 {
				break
			}
			copied += n
		}
	}
}

// copy copies once and returns how much; 0 means that nothing is there.
func (p *pump) copy(s *stream) int {
	n, err := unix.Read(s.pipe, p.buf[:])
	switch {
	case n > 0:
		s.files.write(p.buf[:n])
		return n
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), s.pipe < 0:
	default: // every writer is gone
		s.end()
	}
	return 0
}

func (s *stream) end() {
	if err := unix.Close(s.pipe); err != nil {
		complain("close the task's output", err)
	}
	s.pipe = -1
}

// finish ends run when all that the task has written is in its files.
func (p *pump) finish() {
	one := [8]byte{1}
	if _, err := unix.Write(p.wake, one[:]); err != nil {
		complain("end the copying of output", err)
		return
	}
	<-p.done
	for _, s := range p.streams {
		if err := s.files.close(); err != nil {
			complain("close the log files", err)
		}
	}
}
