//go:build unix

package cli

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// notifyResize has it told when the size of the terminal changes.
func notifyResize(c chan<- os.Signal) { signal.Notify(c, unix.SIGWINCH) }
