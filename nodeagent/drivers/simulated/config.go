package simulated

import (
	"math"
	"time"

	"github.com/droverhq/drover/nodeagent/driver/block"
)

// config is a task's config block.
type config struct {
	runFor      time.Duration // how long it runs; 0: until it is stopped
	exitCode    int
	signal      int           // that it ends by
	startDelay  time.Duration // how long Start takes
	startError  string        // Start fails so
	recoverable bool          // … and may work another time
	stopDelay   time.Duration // how long it takes to end when it is asked to
}

func parse(values map[string]any) (config, error) {
	b := block.New("config of a simulated task", values)
	c := config{
		runFor: b.DurationOr("run_for", 0), startDelay: b.DurationOr("start_delay", 0), stopDelay: b.DurationOr("stop_delay", 0),
		exitCode: int(b.NumberIn("exit_code", 0, 0, math.MaxInt32)), signal: int(b.NumberIn("signal", 0, 0, math.MaxInt32)),
		startError: b.Text("start_error"), recoverable: b.Flag("start_error_recoverable"),
	}
	return c, b.Err()
}
