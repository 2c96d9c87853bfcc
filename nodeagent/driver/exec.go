package driver

import (
	"context"
	"io"
)

// Executor is a driver that can run further commands beside a running task: with its
// environment and user, in its working directory, and within its limits.
type Executor interface {
	// Exec runs a command to its end and returns how it ended, when all its output has
	// been written. What it has started, and has not ended, ends with it. When ctx is
	// done, when this process ends, or when the task does, the command is killed. The
	// error says why it could not be run, or why it is not known how it ended.
	Exec(ctx context.Context, h Handle, c Command) (ExitResult, error)
}

// Command is what an Executor runs.
type Command struct {
	// Args are the program, found as the task's own is, and its arguments.
	Args []string
	// TTY gives the command a terminal of its own; its outputs are one, Stdout.
	TTY bool
	// Stdin is read until its end or that of the command; a Read that is under way
	// then may outlast Exec.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Sizes are those of the terminal, as they change; may be nil.
	Sizes <-chan TerminalSize
}

// TerminalSize is how many characters a terminal shows.
type TerminalSize struct{ Rows, Columns uint16 }
