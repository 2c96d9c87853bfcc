package cli

import (
	"os"
	"os/signal"

	"golang.org/x/term"

	"github.com/droverhq/drover/api"
)

// onTerminal reports whether somebody sits in front of this process.
func (c *cli) onTerminal() bool { return isTerminal(c.In) && isTerminal(c.Out) }

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// takeTerminal gives all keys to somebody else, those that send signals too, if typed
// is set, and tells how large the terminal is, now and whenever that changes. restore
// must be called. Where there is no terminal it does nothing.
func (c *cli) takeTerminal(typed bool) (sizes <-chan api.TerminalSize, restore func(), err error) {
	restore = func() {}
	if in, ok := c.In.(*os.File); ok && typed && isTerminal(in) {
		fd := int(in.Fd())
		before, err := term.MakeRaw(fd)
		if err != nil {
			return nil, nil, err
		}
		restore = func() { _ = term.Restore(fd, before) } // it was just changed: so it can be
	}
	out, ok := c.Out.(*os.File)
	if !ok || !isTerminal(out) {
		return nil, restore, nil
	}
	changes := make(chan os.Signal, 1)
	notifyResize(changes)
	changed := make(chan api.TerminalSize, 1)
	go func() {
		defer close(changed)
		for range changes {
			if width, height, err := term.GetSize(int(out.Fd())); err == nil {
				changed <- api.TerminalSize{Height: height, Width: width}
			}
		}
	}()
	changes <- os.Interrupt // which one does not matter: for the first size
	keys := restore
	return changed, func() {
		keys()
		signal.Stop(changes)
		close(changes)
	}, nil
}
