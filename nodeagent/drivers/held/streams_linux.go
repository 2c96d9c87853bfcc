package held

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// streams are the ends of a command's standard streams: of pipes, or of a terminal.
type streams struct {
	theirs         [3]*os.File // the command's
	stdin          *os.File
	stdout, stderr *os.File // stderr is nil if both are one
	tty            bool
}

// openStreams makes streams for what is to be run, which its user may open by name.
func openStreams(tty bool, spec *shim.Spec) (*streams, error) {
	s := &streams{tty: tty}
	err := s.openPipes()
	if tty {
		err = s.openTerminal(spec.Beside)
	}
	for _, f := range s.theirs {
		if err == nil && spec.User != nil {
			err = f.Chown(int(spec.User.UID), -1)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.closeTheirs(), s.close())
	}
	return s, nil
}

func (s *streams) openPipes() (err error) {
	if s.tty {
		return nil
	}
	if s.theirs[0], s.stdin, err = os.Pipe(); err != nil {
		return err
	}
	if s.stdout, s.theirs[1], err = os.Pipe(); err != nil {
		return err
	}
	s.stderr, s.theirs[2], err = os.Pipe()
	return err
}

// openTerminal opens a new pseudo terminal: one that a task with a root of its own
// finds in its /dev, or one of the node.
func (s *streams) openTerminal(beside *shim.Member) error {
	path := "/dev/ptmx"
	if beside != nil {
		path = "/proc/" + strconv.Itoa(beside.PID) + "/root/dev/pts/ptmx"
	}
	master, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open a terminal: %w", err)
	}
	s.stdin, s.stdout = master, master
	for i := range s.theirs {
		err := control(master, func(fd uintptr) error {
			if err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
				return err
			}
			other, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
			if errno != 0 {
				return errno
			}
			s.theirs[i] = os.NewFile(other, "terminal")
			return nil
		})
		if err != nil {
			return fmt.Errorf("open a terminal: %w", err)
		}
	}
	return nil
}

// closeTheirs closes the ends that the command has got.
func (s *streams) closeTheirs() error { return closeAll(s.theirs[:]...) }

// close closes the ends of this process; not all may be open any more.
func (s *streams) close() error { return closeAll(s.stdin, s.stdout, s.stderr) }

func closeAll(files ...*os.File) error {
	var errs []error
	for _, f := range files {
		if f == nil {
			continue
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// copy copies what comes and goes. The command is given up when nobody takes its
// output. What it returns waits until all output has been taken.
func (s *streams) copy(c driver.Command, giveUp func()) (wait func()) {
	if c.Stdin != nil {
		go s.feed(c.Stdin)
	}
	if c.Sizes != nil && s.tty {
		go s.resize(c.Sizes)
	}
	var outputs sync.WaitGroup
	take := func(w io.Writer, from *os.File) {
		outputs.Go(func() {
			_, err := io.Copy(onlyWriter{w}, onlyReader{from})
			if err != nil && !errors.Is(err, unix.EIO) { // so a terminal says that no one has it open any more
				giveUp()
			}
		})
	}
	take(c.Stdout, s.stdout)
	if s.stderr != nil {
		take(c.Stderr, s.stderr)
	}
	return outputs.Wait
}

// onlyWriter and onlyReader keep io.Copy from short cuts: what is read is to be passed
// on as it comes.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// endOfInput is what a terminal takes for the end of what is typed, at the beginning
// of a line.
var endOfInput = []byte{4}

// feed passes on what is typed. That the command does not read it is no error.
func (s *streams) feed(in io.Reader) {
	if _, err := io.Copy(onlyWriter{s.stdin}, onlyReader{in}); err == nil && s.tty {
		_, _ = s.stdin.Write(endOfInput)
	}
	if !s.tty {
		_ = s.stdin.Close()
	}
}

func (s *streams) resize(sizes <-chan driver.TerminalSize) {
	for size := range sizes {
		err := control(s.stdout, func(fd uintptr) error {
			return unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Columns})
		})
		if err != nil {
			return // it is closed
		}
	}
}
