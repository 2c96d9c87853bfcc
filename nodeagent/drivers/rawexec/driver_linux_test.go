package rawexec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/rawexec"
	"github.com/droverhq/drover/shim"
)

// The test binary is its own shim: no drover-shim stands beside it.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == shim.Name {
		shim.Main()
	}
	drivertest.Main(m, subject(rawexec.Options{Enabled: true}))
}

func subject(o rawexec.Options) drivertest.Subject {
	shell := func(script string) map[string]any {
		return map[string]any{"command": "/bin/sh", "args": []any{"-c", script}}
	}
	return drivertest.Subject{
		New: func() (driver.Driver, error) { return rawexec.New(o), nil },
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
	drivertest.Run(t, subject(rawexec.Options{Enabled: true}))
}

func TestDriverWithoutControlGroups(t *testing.T) {
	s := subject(rawexec.Options{Enabled: true, NoCgroups: true})
	s.Outlives = false // the agents of the suite have the options of TestMain
	drivertest.Run(t, s)
}
