package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/droverhq/drover/api/client"
)

// runsCommand marks a command whose arguments end in a command line: from its first
// argument on, what looks like a flag is not one of drover's.
const runsCommand = "runs a command"

// allocExec runs a command in a task.
func (c *cli) allocExec() *cobra.Command {
	var task string
	var job bool
	s := new(streamFlags)
	cmd := c.verb("exec ALLOC COMMAND [ARG]...", "Run a command in a task that runs",
		`It runs beside the task, with its environment, in its directory and as its user. Of an
allocation with one task, -task may be left out. With -job, ALLOC is a job, of which an
allocation is taken. The exit code is that of the command. What the command has started
ends with it, and it ends when drover does, or the task.`, cobra.MinimumNArgs(2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			id := args[0]
			if job {
				var err error
				if id, err = c.allocOfJob(ctx, cl, id); err != nil {
					return err
				}
			}
			stub, err := c.findAlloc(ctx, cl, id)
			if err != nil {
				return err
			}
			q := client.Query{Namespace: stub.Namespace}
			name, err := logTask(ctx, cl, stub, q, task)
			if err != nil {
				return err
			}
			return c.attached(s, func(t client.Terminal) (int, error) {
				return cl.Allocations.Exec(ctx, stub.ID, name, args[1:], t, q)
			})
		})
	cmd.Annotations = map[string]string{runsCommand: ""}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&task, "task", "", "`name` of the task")
	cmd.Flags().BoolVar(&job, "job", false, "in an allocation of the job that is named")
	s.register(cmd.Flags())
	return cmd
}

// streamFlags say how a command that runs far away is used from here.
type streamFlags struct {
	stdin, tty bool
	flags      *pflag.FlagSet
}

func (s *streamFlags) register(f *pflag.FlagSet) {
	s.flags = f
	f.BoolVarP(&s.stdin, "interactive", "i", true, "pass on what comes from standard input")
	f.BoolVarP(&s.tty, "tty", "t", false, "give the command a terminal (default: if standard input and output are one)")
}

// attached runs a command with the streams of this process, and ends with its exit
// code.
func (c *cli) attached(s *streamFlags, run func(client.Terminal) (int, error)) error {
	t := client.Terminal{TTY: s.tty, Stdout: c.Out, Stderr: c.Err}
	if !s.flags.Changed("tty") {
		t.TTY = s.stdin && c.onTerminal()
	}
	if s.stdin {
		t.Stdin = c.In
	}
	if t.TTY {
		sizes, restore, err := c.takeTerminal(s.stdin)
		if err != nil {
			return fmt.Errorf("use the terminal: %w", err)
		}
		t.Sizes = sizes
		defer restore()
	}
	code, err := run(t)
	if err != nil {
		return fmt.Errorf("failed to exec into task: %w", err)
	}
	if code != 0 {
		return exit(code)
	}
	return nil
}
