package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/client"

	"github.com/droverhq/drover/nodeagent/driver"
)

// execMark is the variable by which the processes of one command are known.
const execMark = "DROVER_EXEC"

// Exec runs a command in the task's container. The engine lets what a command has started
// live on, also when nobody listens any more; a guard beside it ends that (see
// shim.GuardArg).
func (d *Driver) Exec(ctx context.Context, h driver.Handle, c driver.Command) (driver.ExitResult, error) {
	none := driver.ExitResult{}
	id, err := containerOf(h)
	if err != nil {
		return none, err
	}
	if err := d.usable(); err != nil {
		return none, err
	}
	if len(c.Args) == 0 || c.Args[0] == "" {
		return none, errors.New("no command to run")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mark := execMark + "=" + uuid.NewString()
	made, err := d.makeExec(ctx, id, mark, c)
	if err != nil {
		return none, err
	}
	guard, err := startGuard(d.o.ShimPath, mark)
	if err != nil {
		return none, err
	}
	defer guard.wait()
	defer guard.letGo()
	defer context.AfterFunc(ctx, guard.letGo)()
	conn, err := d.engine.ExecAttach(ctx, made, client.ExecAttachOptions{TTY: c.TTY})
	if err != nil {
		return none, fmt.Errorf("run %q: %w", c.Args, err)
	}
	defer conn.Close()
	run := &execRun{d: d, id: made, task: id, c: c, conn: &conn.HijackedResponse, guard: guard}
	said, err := run.stream(ctx, cancel)
	guard.letGo()
	if err != nil && ctx.Err() == nil {
		return none, fmt.Errorf("output of the command: %w", err)
	}
	return run.result(ctx, said)
}

func (d *Driver) makeExec(ctx context.Context, id, mark string, c driver.Command) (string, error) {
	box, err := d.inspect(ctx, id)
	if errors.Is(err, driver.ErrTaskGone) || err == nil && !box.State.Running {
		return "", driver.ErrEnded
	}
	if err != nil {
		return "", err
	}
	env := []string{mark}
	if isSet := func(entry string) bool { return strings.HasPrefix(entry, "TERM=") }; c.TTY && !slices.ContainsFunc(box.Config.Env, isSet) {
		env = append(env, "TERM=xterm")
	}
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	made, err := d.engine.ExecCreate(ctx, id, client.ExecCreateOptions{
		TTY: c.TTY, AttachStdin: c.Stdin != nil, AttachStdout: true, AttachStderr: true,
		Env: env, WorkingDir: box.Config.WorkingDir, User: box.Config.User, Cmd: c.Args,
	})
	if err != nil {
		return "", fmt.Errorf("run %q: %w", c.Args, err)
	}
	return made.ID, nil
}

// execRun is a command that runs.
type execRun struct {
	d     *Driver
	id    string
	task  string // its container
	c     driver.Command
	conn  *client.HijackedResponse
	guard *guard
}

// stream passes on what comes and goes until the command has closed its outputs. What
// the engine itself has to say, why the command could not be run, it returns.
func (r *execRun) stream(ctx context.Context, giveUp func()) (said string, err error) {
	var helpers sync.WaitGroup
	defer helpers.Wait()
	over, finish := context.WithCancel(context.WithoutCancel(ctx))
	defer finish()
	if r.c.Stdin != nil {
		go r.feed()
	}
	if r.c.TTY && r.c.Sizes != nil {
		helpers.Go(func() { r.resize(over) })
	}
	helpers.Go(func() {
		r.watchEnd(ctx, over)
		// What is left is killed. An engine that hangs, or has lost sight of a command whose
		// container ended, must not hold up anybody.
		const patience = 2 * time.Second
		if sleep(over, patience) {
			r.conn.Close()
		}
	})
	if r.c.TTY {
		_, err = io.Copy(r.c.Stdout, r.conn.Reader)
	} else {
		said, err = r.demultiplex()
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil // by the above
	}
	if err != nil {
		giveUp()
	}
	return said, err
}

// refusal is how an engine begins that could not run a command, on the command's own
// output.
const refusal = "OCI runtime exec failed:"

// demultiplex takes the outputs apart.
func (r *execRun) demultiplex() (said string, err error) {
	var header [frameHeader]byte
	for first := true; ; first = false {
		n, err := io.ReadFull(r.conn.Reader, header[:])
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if header[0] > 2 || header[1] != 0 || n < frameHeader { // it speaks itself
			const most = 4 << 10
			rest, err := io.ReadAll(io.LimitReader(r.conn.Reader, most))
			return strings.TrimSpace(string(header[:n]) + string(rest)), err
		}
		if err != nil {
			return "", err
		}
		to := r.c.Stdout
		if header[0] == 2 {
			to = r.c.Stderr
		}
		size := int64(binary.BigEndian.Uint32(header[4:]))
		if first && size > int64(len(refusal)) {
			if begin, err := r.conn.Reader.Peek(len(refusal)); err == nil && string(begin) == refusal {
				text, err := io.ReadAll(io.LimitReader(r.conn.Reader, size))
				return strings.TrimSpace(string(text)), err
			}
		}
		if _, err := io.CopyN(to, r.conn.Reader, size); err != nil {
			return "", err
		}
	}
}

// endOfInput is what a terminal takes for the end of what is typed.
var endOfInput = []byte{4}

// feed passes on what is typed. That the command does not read it is no error.
func (r *execRun) feed() {
	if _, err := io.Copy(r.conn.Conn, r.c.Stdin); err == nil && r.c.TTY {
		_, _ = r.conn.Conn.Write(endOfInput)
	}
	if !r.c.TTY {
		_ = r.conn.CloseWrite()
	}
}

// resize passes on the size of the terminal. The engine does not take it before the
// command runs.
func (r *execRun) resize(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-r.c.Sizes:
			if !ok {
				return
			}
			const tries = 100
			for range tries {
				_, err := r.d.engine.ExecResize(ctx, r.id, client.ExecResizeOptions{Height: uint(size.Rows), Width: uint(size.Columns)})
				if err == nil || !sleep(ctx, firstPause) {
					break
				}
			}
		}
	}
}

// watchEnd returns when the command's own process has ended, when ctx is done, or when
// the outputs are over. In the first case it has everything killed that the command has
// left: that may have the outputs open for ever.
func (r *execRun) watchEnd(ctx, over context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(over, cancel)()
	for {
		got, err := r.inspect(ctx)
		if err == nil && got.PID != 0 {
			if awaitProcess(ctx, got.PID) {
				r.guard.letGo()
			}
			return
		}
		if !sleep(ctx, firstPause) {
			return
		}
	}
}

func (r *execRun) inspect(ctx context.Context) (client.ExecInspectResult, error) {
	ctx, cancel := context.WithTimeout(ctx, quickLimit)
	defer cancel()
	return r.d.engine.ExecInspect(ctx, r.id, client.ExecInspectOptions{})
}

// result asks how the command ended.
func (r *execRun) result(ctx context.Context, said string) (driver.ExitResult, error) {
	none := driver.ExitResult{}
	for {
		got, err := r.inspect(ctx)
		switch {
		case ctx.Err() != nil:
			return none, context.Cause(ctx)
		case err == nil && got.PID == 0 && (said != "" || !got.Running && got.ExitCode != 0):
			return none, fmt.Errorf("run %q: %s", r.c.Args, said)
		case err == nil && !got.Running:
			return driver.ExitResult{ExitCode: got.ExitCode, Signal: signalOf(got.ExitCode), FinishedAt: time.Now()}, nil
		}
		box, lookErr := r.d.inspect(ctx, r.task)
		if errors.Is(lookErr, driver.ErrTaskGone) || lookErr == nil && !box.State.Running {
			return none, driver.ErrEnded
		}
		if err = errors.Join(err, lookErr); err != nil {
			return none, fmt.Errorf("how the command ended: %w", err)
		}
		if !sleep(ctx, 10*time.Millisecond) {
			return none, context.Cause(ctx)
		}
	}
}
