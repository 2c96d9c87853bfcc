package drivertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/droverhq/drover/nodeagent/driver"
)

// commands is what holds for drivers that run commands beside their tasks.
var commands = []check{
	{"ACommandHasWhatItsTaskHas", checkCommandPlace},
	{"ACommandEndsWithItsExitCode", checkCommandExit},
	{"WhatIsTypedReachesACommandWhole", checkCommandInput},
	{"ACommandHasATerminalOfTheSizeThatIsSaid", checkCommandTerminal},
	{"CommandsRunBesideEachOther", checkCommandsAtOnce},
	{"ACommandThatIsGivenUpLeavesNothing", checkCommandGivenUp},
	{"ACommandEndsWithItsTask", checkCommandEndsWithTask},
	{"ACommandThatCanNotRunIsAnError", checkCommandErrors},
}

// command is a command beside a task, as it is run.
type command struct {
	done   sync.WaitGroup
	out    output
	err    output
	result driver.ExitResult
	failed error
}

// output may be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// begin runs a script beside a task.
func (b *bench) begin(ctx context.Context, h driver.Handle, c driver.Command, script string) *command {
	run := new(command)
	c.Args, c.Stdout, c.Stderr = []string{"/bin/sh", "-c", script}, &run.out, &run.err
	run.done.Go(func() { run.result, run.failed = b.driver.(driver.Executor).Exec(ctx, h, c) })
	return run
}

// beside runs a script beside a task to its end.
func (b *bench) beside(h driver.Handle, c driver.Command, script string) *command {
	b.t.Helper()
	run := b.begin(b.ctx, h, c, script)
	run.done.Wait()
	if run.failed != nil {
		b.t.Fatalf("run %q: %v", script, run.failed)
	}
	return run
}

func (b *bench) long() (driver.Task, driver.Handle) {
	b.t.Helper()
	task := b.task(b.subject.Shell("sleep 1000"))
	return task, b.start(task)
}

func checkCommandPlace(t *testing.T, b *bench) {
	task, h := b.long()
	run := b.beside(h, driver.Command{}, `pwd -P; echo $NOMAD_ALLOC_ID $NOMAD_TASK_NAME; ls /proc/$$/fd; readlink /proc/$$/cwd`)
	lines := strings.Fields(run.out.String())
	if len(lines) != 7 || lines[0] != lines[6] || lines[1] != task.AllocID || lines[2] != "main" || strings.Join(lines[3:6], "") != "012" {
		t.Errorf("a command sees %q", lines)
	}
}

func checkCommandExit(t *testing.T, b *bench) {
	task, h := b.long()
	for script, want := range map[string]int{"true": 0, "exit 3": 3, "kill -KILL $$": 128 + 9} {
		if run := b.beside(h, driver.Command{}, script); run.result.ExitCode != want || run.result.FinishedAt.IsZero() {
			t.Errorf("%q: %+v, want %d", script, run.result, want)
		}
	}
	run := b.beside(h, driver.Command{}, "echo out; echo err >&2; setsid sleep 1000 & echo $!")
	if out := strings.Fields(run.out.String()); out[0] != "out" || run.err.String() != "err\n" || lives(t, task, out[1]) {
		t.Errorf("stdout %q, stderr %q", out, run.err.String())
	}
}

func checkCommandInput(t *testing.T, b *bench) {
	_, h := b.long()
	in := make([]byte, 1<<20)
	for i := range in {
		in[i] = byte(rand.IntN(256))
	}
	if run := b.beside(h, driver.Command{Stdin: bytes.NewReader(in)}, "cat"); run.out.String() != string(in) {
		t.Errorf("of %d bytes, %d others came back", len(in), len(run.out.String()))
	}
	// Nobody reads it.
	if run := b.beside(h, driver.Command{Stdin: bytes.NewReader(in)}, "exit 4"); run.result.ExitCode != 4 {
		t.Errorf("result %+v", run.result)
	}
}

func checkCommandTerminal(t *testing.T, b *bench) {
	_, h := b.long()
	sizes := make(chan driver.TerminalSize, 1)
	defer close(sizes)
	sizes <- driver.TerminalSize{Rows: 33, Columns: 77}
	run := b.beside(h, driver.Command{TTY: true, Sizes: sizes, Stdin: strings.NewReader("typed\n")},
		`until [ "$(stty size)" = "33 77" ]; do sleep 0.01; done; tty; echo $TERM >&2; read line; echo "<$line>"; cat`)
	for _, want := range []string{"/dev/pts/", "xterm\r\n", "<typed>\r\n"} {
		if !strings.Contains(run.out.String(), want) {
			t.Errorf("the terminal shows %q, without %q", run.out.String(), want)
		}
	}
}

func checkCommandsAtOnce(t *testing.T, b *bench) {
	_, h := b.long()
	runs := make([]*command, 5)
	for i := range runs {
		in := strings.NewReader(fmt.Sprint(i))
		runs[i] = b.begin(b.ctx, h, driver.Command{Stdin: in}, `read n; echo $n; exit $n`)
	}
	for i, run := range runs {
		run.done.Wait()
		if run.failed != nil || run.result.ExitCode != i || run.out.String() != fmt.Sprintln(i) {
			t.Errorf("command %d: %+v, %v, %q", i, run.result, run.failed, run.out.String())
		}
	}
}

// daemonic starts what does not want to be found, and says who they are.
const daemonic = `setsid sleep 1000 & echo $!; trap '' TERM HUP INT; echo $$; sleep 1000; sleep 1000`

func (b *bench) daemons(run *command) []string {
	b.t.Helper()
	b.await("the command to start", func() bool { return len(strings.Fields(run.out.String())) == 2 })
	return strings.Fields(run.out.String())
}

func checkCommandGivenUp(t *testing.T, b *bench) {
	for _, tty := range []bool{false, true} {
		task, h := b.long()
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		typed, typing := io.Pipe()
		run := b.begin(ctx, h, driver.Command{TTY: tty, Stdin: typed}, daemonic)
		pids := b.daemons(run)
		cancel()
		run.done.Wait()
		if err := typing.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range pids {
			if lives(t, task, pid) {
				t.Errorf("process %s of %q lives on", pid, pids)
			}
		}
		if !alive(fmt.Sprint(h.PID)) || len(carriers(t, task.AllocID)) == 0 {
			t.Error("the task is gone, too")
		}
	}
}

func checkCommandEndsWithTask(t *testing.T, b *bench) {
	task, h := b.long()
	run := b.begin(b.ctx, h, driver.Command{}, daemonic)
	b.daemons(run)
	b.stop(h, "SIGKILL", 0)
	run.done.Wait()
	if run.failed == nil && run.result.Signal != 9 {
		t.Errorf("result %+v", run.result)
	}
	if left := carriers(t, task.AllocID); len(left) > 0 {
		t.Errorf("processes %v live on", left)
	}
}

func checkCommandErrors(t *testing.T, b *bench) {
	_, h := b.long()
	x := b.driver.(driver.Executor)
	for _, args := range [][]string{nil, {""}, {"no-such-program"}, {"/no/such/program"}, {"/etc/passwd"}} {
		c := driver.Command{Args: args, Stdout: io.Discard, Stderr: io.Discard}
		if result, err := x.Exec(b.ctx, h, c); err == nil {
			t.Errorf("%q: %+v", args, result)
		}
	}
	b.stop(h, "SIGKILL", 0)
	run := b.begin(b.ctx, h, driver.Command{}, "true")
	run.done.Wait()
	if run.failed == nil || !strings.Contains(run.failed.Error(), "has ended") {
		t.Errorf("beside an ended task: %+v, %v", run.result, run.failed)
	}
}

// checkCommandEndsWithAgent is one of survival: the task lives on, what was run beside
// it does not.
func checkCommandEndsWithAgent(t *testing.T, b *bench) {
	if _, ok := b.driver.(driver.Executor); !ok {
		return
	}
	task := b.task(b.subject.Shell("sleep 1000"))
	a := b.agent(plan{Tasks: []driver.Task{task}, Beside: daemonic})
	h := b.handleOf(task)
	var pids []string
	b.await("the command to start", func() bool {
		return load(note(task, "beside"), &pids) == nil
	})
	a.kill()
	b.await("the command to end", func() bool { return !lives(t, task, pids[0]) && !lives(t, task, pids[1]) })
	if !alive(fmt.Sprint(h.PID)) {
		t.Error("the task is gone, too")
	}
}

// runBeside plays an agent that runs a script beside a task, and notes the processes
// that the script says it is.
func runBeside(ctx context.Context, d driver.Driver, task driver.Task, h driver.Handle, script string) error {
	read, write := io.Pipe()
	var run sync.WaitGroup
	defer run.Wait()
	run.Go(func() {
		_, err := d.(driver.Executor).Exec(ctx, h, driver.Command{Args: []string{"/bin/sh", "-c", script}, Stdout: write, Stderr: io.Discard})
		write.CloseWithError(err)
	})
	var pids [2]string
	if _, err := fmt.Fscan(read, &pids[0], &pids[1]); err != nil {
		return err
	}
	return save(note(task, "beside"), pids)
}
