package heldtest

import (
	"fmt"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
)

// Subject describes to the suite a driver whose config has a command and args.
func Subject(build func() (driver.Driver, error)) drivertest.Subject {
	return drivertest.Subject{
		New: build,
		Ends: func(after time.Duration, code int) map[string]any {
			return Shell(fmt.Sprintf("sleep %f; exit %d", after.Seconds(), code))
		},
		Wrong:       map[string]any{"comand": "/bin/sh"},
		Unstartable: map[string]any{"command": "/no/such/program"},
		Shell:       Shell,
		Outlives:    true,
	}
}

// Shell is the config of a task that runs a script.
func Shell(script string) map[string]any {
	return map[string]any{"command": "/bin/sh", "args": []any{"-c", script}}
}
