package held

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// Exec runs a command beside the task. It is held by a shim of its own, which ends with
// this process: see shim.ExecArg.
func (d *Holder) Exec(ctx context.Context, h driver.Handle, c driver.Command) (driver.ExitResult, error) {
	none := driver.ExitResult{}
	if err := d.ready(); err != nil {
		return none, err
	}
	t, err := d.taskOf(h)
	if err != nil {
		return none, err
	}
	spec, err := t.specOfExec(ctx, c)
	if err != nil {
		return none, err
	}
	// The command must not outlive the task; who waits for that is done with the command.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = t.wait(ctx) // whatever it says: the task can't be relied on any more
	}()
	streams, err := openStreams(c.TTY, spec)
	if err != nil {
		return none, err
	}
	defer func() { _ = streams.close() }() // they were read, or what was written has arrived
	held, err := d.hold(spec, c.TTY, streams)
	if err != nil {
		return none, err
	}
	defer context.AfterFunc(ctx, held.letGo)()
	copied := streams.copy(c, cancel)
	exit, err := held.end()
	copied()
	if err != nil {
		return none, err
	}
	return driver.ExitResult{ExitCode: exit.Code, Signal: exit.Signal, FinishedAt: exit.At, Err: exit.Err}, nil
}

// specOfExec says what is to be run: the command, and the rest as the task has it.
func (t task) specOfExec(ctx context.Context, c driver.Command) (*shim.Spec, error) {
	if len(c.Args) == 0 || c.Args[0] == "" {
		return nil, errors.New("no command to run")
	}
	own, started, err := t.running(ctx)
	if err != nil {
		return nil, err
	}
	spec := &shim.Spec{
		Args: c.Args, Env: own.Env, Dir: own.Dir, User: own.User, Cgroup: started.Cgroup, Cores: own.Cores,
		Groups: own.Groups, OOMScoreAdj: own.OOMScoreAdj, Isolation: own.Isolation, Network: own.Network,
	}
	if isSet := func(entry string) bool { return strings.HasPrefix(entry, "TERM=") }; c.TTY && !slices.ContainsFunc(own.Env, isSet) {
		spec.Env = append(slices.Clone(own.Env), "TERM=xterm")
	}
	if own.Isolation != nil { // it is looked for where the task sees it
		spec.Path, spec.Beside = c.Args[0], &shim.Member{PID: started.PID, Start: started.PIDStart}
		return spec, nil
	}
	spec.Path, err = FindCommand(c.Args[0], own.Dir, driver.Task{Dir: taskDir(own), Env: environment(own.Env)})
	return spec, err
}

// running returns what runs, and as which processes.
func (t task) running(ctx context.Context) (*shim.Spec, *shim.Started, error) {
	started, err := t.started(ctx)
	if err != nil {
		return nil, nil, err
	}
	holder, err := shim.Lookup(started.ShimPID)
	if err != nil || holder.Start != started.ShimStart {
		return nil, nil, errors.New("the task has ended")
	}
	spec, err := t.spec()
	return spec, started, err
}

// spec returns what the shim was told to run.
func (t task) spec() (*shim.Spec, error) {
	b, err := os.ReadFile(t.path(shim.SpecFile))
	if err != nil {
		return nil, err
	}
	return shim.DecodeSpec(b)
}

// Running returns what runs as a task. It is an error that the task has ended.
func (d *Holder) Running(ctx context.Context, h driver.Handle) (*shim.Spec, error) {
	t, err := d.taskOf(h)
	if err != nil {
		return nil, err
	}
	spec, _, err := t.running(ctx)
	return spec, err
}

// taskDir is a task's own directory, which it may not run in.
func taskDir(s *shim.Spec) string {
	if local := environment(s.Env)["NOMAD_TASK_DIR"]; filepath.IsAbs(local) {
		return filepath.Dir(local)
	}
	return s.Dir
}

// environment is the inverse of environ.
func environment(entries []string) map[string]string {
	env := make(map[string]string, len(entries))
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}

// held is a command that a shim holds.
type held struct {
	shim    *process
	control *os.File // closing it kills the command
	answer  *os.File
	text    *bufio.Reader // of answer
}

// hold starts a shim and has it run the command.
func (d *Holder) hold(spec *shim.Spec, tty bool, s *streams) (*held, error) {
	theirControl, control, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirControl.Close()
	answer, theirAnswer, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, control.Close())
	}
	h := &held{control: control, answer: answer, text: bufio.NewReader(answer)}
	h.shim, err = d.forkExec(tty, theirControl, theirAnswer, s)
	if err := errors.Join(err, theirAnswer.Close(), s.closeTheirs()); err != nil {
		return nil, errors.Join(err, control.Close(), answer.Close())
	}
	_, err = control.Write(shim.ExecSpec(spec))
	text, readErr := h.text.ReadString('\n')
	if errors.Is(readErr, io.EOF) {
		readErr = nil
	}
	if err, text = errors.Join(err, readErr), strings.TrimSuffix(text, "\n"); err == nil && text == shim.Running {
		return h, nil
	}
	h.letGo()
	if text == "" {
		text = shim.Name + " ended without a word"
	}
	return nil, errors.Join(errors.New(text), err, h.shim.end(), answer.Close())
}

func (d *Holder) forkExec(tty bool, control, answer *os.File, s *streams) (*process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	arg := shim.ExecArg
	if tty {
		arg = shim.ExecTTYArg
	}
	return d.forkShim(arg, null, null, null, control, answer, s.theirs[0], s.theirs[1], s.theirs[2])
}

// letGo has the command killed.
func (h *held) letGo() { _ = h.control.Close() } // the second time, too

// end waits for the end of the command and of all that it has started.
func (h *held) end() (*shim.Exit, error) {
	defer h.letGo()
	record, err := io.ReadAll(h.text)
	if err := errors.Join(err, h.shim.end(), h.answer.Close()); err != nil {
		return nil, err
	}
	exit, err := shim.DecodeExit(record)
	if errors.Is(err, shim.ErrNoRecord) {
		return nil, errors.New("how the command ended is not known: its " + shim.Name + " was killed")
	}
	return exit, err
}
