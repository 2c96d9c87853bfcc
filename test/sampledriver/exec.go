package main

import (
	"io"
	"os/exec"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

// ExecTaskStreaming runs a command beside a task, without a terminal.
func (d *sample) ExecTaskStreaming(s wire.Driver_ExecTaskStreamingServer) error {
	first, err := s.Recv()
	if err != nil {
		return err
	}
	setup := first.GetSetup()
	t, err := d.task(setup.GetTaskId())
	if err != nil {
		return err
	}
	if setup.GetTty() || len(setup.GetCommand()) == 0 {
		return status.Error(codes.Unimplemented, "commands with a terminal")
	}
	var of spec
	if err := load(t.Dir+"/"+specFile, &of); err != nil {
		return err
	}
	cmd := exec.CommandContext(s.Context(), setup.GetCommand()[0], setup.GetCommand()[1:]...)
	cmd.Env, cmd.Dir = of.Env, of.Dir
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	var sending sync.Mutex
	out := func(m func(*wire.ExecTaskStreamingIOOperation) *wire.ExecTaskStreamingResponse) io.Writer {
		return sender(func(data []byte) error {
			sending.Lock()
			defer sending.Unlock()
			return s.Send(m(&wire.ExecTaskStreamingIOOperation{Data: data}))
		})
	}
	cmd.Stdout = out(func(o *wire.ExecTaskStreamingIOOperation) *wire.ExecTaskStreamingResponse {
		return &wire.ExecTaskStreamingResponse{Stdout: o}
	})
	cmd.Stderr = out(func(o *wire.ExecTaskStreamingIOOperation) *wire.ExecTaskStreamingResponse {
		return &wire.ExecTaskStreamingResponse{Stderr: o}
	})
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go feed(s, stdin) // ends with the stream
	_ = cmd.Wait()    // how it ended is in its state
	result := &wire.ExitResult{ExitCode: int32(cmd.ProcessState.ExitCode())}
	return s.Send(&wire.ExecTaskStreamingResponse{Exited: true, Result: result})
}

func feed(s wire.Driver_ExecTaskStreamingServer, to io.WriteCloser) {
	defer to.Close()
	for {
		m, err := s.Recv()
		if err != nil || m.GetStdin().GetClose() {
			return
		}
		if _, err := to.Write(m.GetStdin().GetData()); err != nil {
			return
		}
	}
}

type sender func([]byte) error

func (f sender) Write(b []byte) (int, error) { return len(b), f(b) }
