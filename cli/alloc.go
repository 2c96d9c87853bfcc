package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) alloc() *cobra.Command {
	return noun("alloc", "See and handle allocations: the instances of jobs",
		c.allocStatus(), c.allocLogs(), c.allocFS(), c.allocStop(), c.allocChecks(), c.allocExec())
}

func (c *cli) allocStop() *cobra.Command {
	var detach, verbose bool
	cmd := c.verb("stop ALLOC", "Stop an allocation; its job gets another one instead",
		"To stop the job itself: drover job stop JOB.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			a, err := c.findAlloc(ctx, cl, args[0])
			if err != nil {
				return err
			}
			resp, err := cl.Allocations.Stop(ctx, a.ID, client.Query{Namespace: a.Namespace})
			if err != nil {
				return fmt.Errorf("Error stopping allocation: %w", err)
			}
			if detach {
				fmt.Fprintln(c.Out, resp.EvalID)
				return nil
			}
			_, err = c.monitor(cl, ids(verbose)).evaluation(ctx, resp.EvalID)
			return err
		})
	cmd.Flags().BoolVar(&detach, "detach", false, "print the evaluation's ID and don't wait")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show full IDs")
	return cmd
}

// logFlags say which logs are printed, and how much of them.
type logFlags struct {
	stderr, follow, tail, job, verbose bool
	lines, bytes                       int64
	task                               string
}

const (
	tailLines    = 10      // of -tail alone
	bytesPerLine = 120     // from how far back lines are looked for
	tailWindow   = 1 << 20 // at most, in bytes
)

func (c *cli) allocLogs() *cobra.Command {
	l := new(logFlags)
	cmd := c.verb("logs ALLOC [TASK]", "Print what a task printed",
		"Of an allocation with one task, TASK may be left out. With -job, ALLOC is a job,\nof which an allocation is taken, a running one if there is one.", cobra.RangeArgs(1, 2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			id := args[0]
			if l.job {
				var err error
				if id, err = c.allocOfJob(ctx, cl, args[0]); err != nil {
					return err
				}
			}
			stub, err := c.findAlloc(ctx, cl, id)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				l.task = args[1]
			}
			return c.printLogs(ctx, cl, stub, l)
		})
	f := cmd.Flags()
	f.BoolVar(&l.stderr, "stderr", false, "standard error instead of standard output")
	f.BoolVarP(&l.follow, "follow", "f", false, "go on as long as the task runs")
	f.BoolVar(&l.tail, "tail", false, "only the last lines (10, or as many as -n says)")
	f.Int64VarP(&l.lines, "lines", "n", -1, "with -tail: how many `lines`")
	f.Int64VarP(&l.bytes, "bytes", "c", -1, "with -tail: how many `bytes`")
	f.BoolVar(&l.job, "job", false, "of an allocation of the job that is named")
	f.StringVar(&l.task, "task", "", "`name` of the task")
	f.BoolVar(&l.verbose, "verbose", false, "show full IDs")
	return cmd
}

// allocOfJob picks an allocation of a job: a running one, or else the newest.
func (c *cli) allocOfJob(ctx context.Context, cl *client.Client, given string) (string, error) {
	job, err := c.findJob(ctx, cl, given)
	if err != nil {
		return "", err
	}
	allocs, _, err := cl.Jobs.Allocations(ctx, job.ID, false, client.Query{Namespace: job.Namespace})
	if err != nil {
		return "", fmt.Errorf("Error querying job allocations: %w", err)
	}
	if len(allocs) == 0 {
		return "", failf(1, "Job %q has no allocations. Why: drover job status %[1]s", job.ID)
	}
	best := slices.MaxFunc(allocs, func(a, b *api.AllocationListStub) int {
		if ra, rb := a.ClientStatus == api.AllocClientRunning, b.ClientStatus == api.AllocClientRunning; ra != rb {
			if ra {
				return 1
			}
			return -1
		}
		return int(a.CreateTime/1e9 - b.CreateTime/1e9)
	})
	return best.ID, nil
}

func (c *cli) printLogs(ctx context.Context, cl *client.Client, stub *api.AllocationListStub, l *logFlags) error {
	q := client.Query{Namespace: stub.Namespace}
	task, err := logTask(ctx, cl, stub, q, l.task)
	if err != nil {
		return err
	}
	l.task = task
	query := client.LogQuery{Task: l.task, Stderr: l.stderr, Follow: l.follow}
	var out io.Writer = c.Out
	if l.tail || l.lines >= 0 || l.bytes >= 0 {
		query.FromEnd = true
		query.Offset = l.window()
		if l.bytes < 0 && !l.follow {
			tail := &lastLines{w: c.Out, n: int(l.window() / bytesPerLine)}
			err := cl.Files.Logs(ctx, stub.ID, query, q, tail)
			return logsError(errors.Join(err, tail.flush()))
		}
	}
	return logsError(cl.Files.Logs(ctx, stub.ID, query, q, out))
}

func logsError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("Error reading file: %w", err)
}

// window is how many bytes from the end are asked for.
func (l *logFlags) window() int64 {
	switch {
	case l.bytes >= 0:
		return l.bytes
	case l.lines >= 0:
		return min(l.lines*bytesPerLine, tailWindow)
	}
	return tailLines * bytesPerLine
}

// logTask returns the task that is meant: the given one if the allocation has it, or
// the only one if none is given.
func logTask(ctx context.Context, cl *client.Client, stub *api.AllocationListStub, q client.Query, given string) (string, error) {
	a, _, err := cl.Allocations.Get(ctx, stub.ID, q)
	if err != nil {
		return "", fmt.Errorf("Error querying allocation: %w", err)
	}
	if a.Job == nil || a.Job.Group(a.TaskGroup) == nil {
		if given != "" {
			return given, nil
		}
		return "", failf(1, "The job of allocation %q is gone: name the task", shortIDs.of(a.ID))
	}
	tasks := a.Job.Group(a.TaskGroup).Tasks
	if given == "" && len(tasks) == 1 || given != "" && a.Job.Group(a.TaskGroup).Task(given) != nil {
		return cmp.Or(given, tasks[0].Name), nil
	}
	var names strings.Builder
	for _, t := range tasks {
		fmt.Fprintf(&names, "  * %s\n", t.Name)
	}
	if given != "" {
		return "", failf(1, "Failed to validate task: Could not find task named: %s, found:\n%s", given, strings.TrimRight(names.String(), "\n"))
	}
	return "", failf(1, "Failed to validate task: Allocation %q is running the following tasks:\n%s\nPlease specify the task.", shortIDs.of(a.ID), names.String())
}

// lastLines keeps the last n lines written to it, for flush.
type lastLines struct {
	w     io.Writer
	n     int
	lines []string
	rest  string
}

func (t *lastLines) Write(p []byte) (int, error) {
	parts := strings.SplitAfter(t.rest+string(p), "\n")
	t.rest = parts[len(parts)-1]
	t.lines = append(t.lines, parts[:len(parts)-1]...)
	t.lines = t.lines[max(0, len(t.lines)-t.n):]
	return len(p), nil
}

func (t *lastLines) flush() error {
	if t.rest != "" {
		t.lines = append(t.lines, t.rest)
		t.lines = t.lines[max(0, len(t.lines)-t.n):]
	}
	_, err := io.WriteString(t.w, strings.Join(t.lines, ""))
	return err
}

func (c *cli) allocFS() *cobra.Command {
	var stat bool
	cmd := c.verb("fs ALLOC [PATH]", "List or print the files of an allocation",
		"A folder is listed, a file printed.", cobra.RangeArgs(1, 2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			stub, err := c.findAlloc(ctx, cl, args[0])
			if err != nil {
				return err
			}
			file := "/"
			if len(args) > 1 {
				file = path.Clean("/" + args[1])
			}
			return c.printFile(ctx, cl, stub, file, stat)
		})
	cmd.Flags().BoolVar(&stat, "stat", false, "only what kind of file it is")
	return cmd
}

func (c *cli) printFile(ctx context.Context, cl *client.Client, stub *api.AllocationListStub, file string, stat bool) error {
	q := client.Query{Namespace: stub.Namespace}
	info, err := cl.Files.Stat(ctx, stub.ID, file, q)
	if err != nil {
		return fmt.Errorf("Error reading %s: %w", file, err)
	}
	if stat {
		fmt.Fprint(c.Out, table([][]string{
			{"Mode", "Size", "Modified Time", "Content Type", "Name"},
			{info.FileMode, bytesOf(uint64(info.Size)), stampOf(&info.ModTime), info.ContentType, info.Name},
		}))
		return nil
	}
	if info.IsDir {
		return c.listFiles(ctx, cl, stub, file, q)
	}
	body, err := cl.Files.Cat(ctx, stub.ID, file, q)
	if err != nil {
		return fmt.Errorf("Error reading %s: %w", file, err)
	}
	defer body.Close()
	_, err = io.Copy(c.Out, body)
	return err
}

func (c *cli) listFiles(ctx context.Context, cl *client.Client, stub *api.AllocationListStub, folder string, q client.Query) error {
	files, err := cl.Files.List(ctx, stub.ID, folder, q)
	if err != nil {
		return fmt.Errorf("Error listing %s: %w", folder, err)
	}
	rows := [][]string{{"Mode", "Size", "Modified Time", "Name"}}
	for _, f := range files {
		name := f.Name
		if f.IsDir {
			name += "/"
		}
		rows = append(rows, []string{f.FileMode, bytesOf(uint64(f.Size)), stampOf(&f.ModTime), name})
	}
	fmt.Fprint(c.Out, table(rows))
	return nil
}
