// Command drover is the server, the node agent and the command line in one. Under
// the name drover-shim it is the process that holds a task, under the name
// drover-artifact the one that fetches what a task needs.
package main

import (
	"context"
	"os"
	"path/filepath"
	_ "time/tzdata" // crons in any zone, on machines that know none

	"github.com/droverhq/drover/cli"
	"github.com/droverhq/drover/nodeagent/artifact"
)

// version is set when the binary is linked.
var version = "dev"

func main() {
	if heldTask() {
		return
	}
	if filepath.Base(os.Args[0]) == artifact.Name {
		artifact.Main()
	}
	if code, was := service(run); was {
		os.Exit(code)
	}
	// The first signal ends things in order; a second one, at once.
	ctx, stop := untilSignal(context.Background())
	code := run(ctx)
	stop()
	os.Exit(code)
}

// run runs what the command line says, until that has ended or ctx is cancelled.
func run(ctx context.Context) int {
	return cli.Run(ctx, os.Args[1:], cli.Options{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Version:  version,
		RunAgent: runAgent,
		Terminal: isTerminal(os.Stdout),
		Columns:  func() int { return columns(os.Stdout) },
	})
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
