package simulated

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/droverhq/drover/api"
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

func parse(block map[string]any) (config, error) {
	var c config
	invalid := &api.InvalidError{What: "config of a simulated task"}
	for key, value := range block {
		var err error
		switch key {
		case "run_for":
			c.runFor, err = duration(value)
		case "start_delay":
			c.startDelay, err = duration(value)
		case "stop_delay":
			c.stopDelay, err = duration(value)
		case "exit_code":
			c.exitCode, err = integer(value)
		case "signal":
			c.signal, err = integer(value)
		case "start_error":
			c.startError = fmt.Sprint(value)
		case "start_error_recoverable":
			c.recoverable, err = strconv.ParseBool(fmt.Sprint(value))
		default:
			err = errors.New("unknown; known are run_for, start_delay, stop_delay, exit_code, signal, start_error, start_error_recoverable")
		}
		if err != nil {
			invalid.Add(key, err.Error())
		}
	}
	return c, invalid.OrNil()
}

func duration(value any) (time.Duration, error) {
	if s, ok := value.(string); ok {
		return time.ParseDuration(s)
	}
	return 0, fmt.Errorf(`%v is no duration: write it like "90s"`, value)
}

// integer takes what a number may have become on its way through JSON and msgp.
func integer(value any) (int, error) {
	if f, err := strconv.ParseFloat(fmt.Sprint(value), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<31 {
		return int(f), nil
	}
	return 0, fmt.Errorf("%v is no whole number", value)
}
