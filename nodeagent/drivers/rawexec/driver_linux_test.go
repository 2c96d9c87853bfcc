package rawexec_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
)

func TestMain(m *testing.M) {
	heldtest.Main(m, func() drivertest.Subject { return subject(rawexec.Options{}) })
}

func newDriver(o rawexec.Options) *rawexec.Driver {
	o.Plugin.Enabled = true
	o.ShimPath = heldtest.ShimPath()
	return rawexec.New(o)
}

func subject(o rawexec.Options) drivertest.Subject {
	shell := func(script string) map[string]any {
		return map[string]any{"command": "/bin/sh", "args": []any{"-c", script}}
	}
	return drivertest.Subject{
		New: func() (driver.Driver, error) { return newDriver(o), nil },
		Ends: func(after time.Duration, code int) map[string]any {
			return shell(fmt.Sprintf("sleep %f; exit %d", after.Seconds(), code))
		},
		Wrong:       map[string]any{"comand": "/bin/sh"},
		Unstartable: map[string]any{"command": "/no/such/program"},
		Shell:       shell,
		Outlives:    true,
	}
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, subject(rawexec.Options{}))
}

func TestDriverWithoutControlGroups(t *testing.T) {
	s := subject(rawexec.Options{Plugin: rawexec.Plugin{NoCgroups: true}})
	s.Outlives = false // the agents of the suite have the options of TestMain
	drivertest.Run(t, s)
}
