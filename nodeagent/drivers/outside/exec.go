package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// Exec has the program run a command beside the task.
func (d *Driver) Exec(ctx context.Context, h driver.Handle, c driver.Command) (driver.ExitResult, error) {
	if !d.abilities.GetExec() {
		return driver.ExitResult{}, fmt.Errorf("%w: commands in tasks of the driver %s", api.ErrNotSupported, d.name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stream wire.Driver_ExecTaskStreamingClient
	err := d.with(ctx, h, func(_ context.Context, r *running) (err error) {
		if stream, err = r.driver.ExecTaskStreaming(ctx); err != nil {
			return err
		}
		return stream.Send(&wire.ExecTaskStreamingRequest{
			Setup: &wire.ExecTaskStreamingRequest_Setup{TaskId: h.TaskID, Command: c.Args, Tty: c.TTY},
		})
	})
	if err != nil {
		return driver.ExitResult{}, err
	}
	s := &typed{stream: stream}
	go s.input(c.Stdin)
	go s.sizes(ctx, c.Sizes)
	return receive(ctx, stream, c)
}

// receive passes on what the command writes, to its end.
func receive(ctx context.Context, stream wire.Driver_ExecTaskStreamingClient, c driver.Command) (driver.ExitResult, error) {
	for {
		m, err := stream.Recv()
		switch {
		case ctx.Err() != nil:
			return driver.ExitResult{}, ctx.Err()
		case errors.Is(err, io.EOF):
			return driver.ExitResult{}, errors.New("the driver's program does not say how the command ended")
		case err != nil:
			return driver.ExitResult{}, plain(err)
		}
		for _, part := range []struct {
			from *wire.ExecTaskStreamingIOOperation
			to   io.Writer
		}{{m.GetStdout(), c.Stdout}, {m.GetStderr(), c.Stderr}} {
			if data := part.from.GetData(); len(data) > 0 && part.to != nil {
				if _, err := part.to.Write(data); err != nil {
					return driver.ExitResult{}, err
				}
			}
		}
		if m.GetExited() {
			r := m.GetResult()
			return driver.ExitResult{ExitCode: int(r.GetExitCode()), Signal: int(r.GetSignal()), FinishedAt: time.Now()}, nil
		}
	}
}

// typed is what is sent to a command.
type typed struct {
	mu     sync.Mutex // one message at a time
	stream wire.Driver_ExecTaskStreamingClient
}

func (t *typed) send(m *wire.ExecTaskStreamingRequest) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stream.Send(m)
}

// input passes on what is typed, until there is no more or nobody to take it.
func (t *typed) input(in io.Reader) {
	buf := make([]byte, 32<<10)
	for in != nil {
		n, err := in.Read(buf)
		if n > 0 && t.send(&wire.ExecTaskStreamingRequest{Stdin: &wire.ExecTaskStreamingIOOperation{Data: append([]byte(nil), buf[:n]...)}}) != nil {
			return
		}
		if err != nil {
			break
		}
	}
	_ = t.send(&wire.ExecTaskStreamingRequest{Stdin: &wire.ExecTaskStreamingIOOperation{Close: true}})
}

func (t *typed) sizes(ctx context.Context, sizes <-chan driver.TerminalSize) {
	for {
		select {
		case size, more := <-sizes:
			if !more {
				return
			}
			if t.send(&wire.ExecTaskStreamingRequest{TtySize: &wire.ExecTaskStreamingRequest_TerminalSize{
				Height: int32(size.Rows), Width: int32(size.Columns),
			}}) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
