// Command drover is the server, the node agent and the command line in one. Under
// the name drover-shim it is the process that holds a task, and under drover-wasm the
// one that runs a WebAssembly module.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	_ "time/tzdata" // crons in any zone, on machines that know none

	"github.com/droverhq/drover/cli"
	"github.com/droverhq/drover/nodeagent/drivers/wasm/runner"
	"github.com/droverhq/drover/shim"
)

// version is set when the binary is linked.
var version = "dev"

func main() {
	switch filepath.Base(os.Args[0]) {
	case shim.Name:
		shim.Main()
		return
	case runner.Name:
		runner.Main()
		return
	}
	// The first signal ends things in order; a second one, at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := cli.Run(ctx, os.Args[1:], cli.Options{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Version:  version,
		RunAgent: runAgent,
		Terminal: isTerminal(os.Stdout),
		Columns:  func() int { return columns(os.Stdout) },
	})
	stop()
	os.Exit(code)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
