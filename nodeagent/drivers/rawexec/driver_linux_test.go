package rawexec_test

import (
	"testing"

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
	return heldtest.Subject(func() (driver.Driver, error) { return newDriver(o), nil })
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, subject(rawexec.Options{}))
}

func TestDriverWithoutControlGroups(t *testing.T) {
	s := subject(rawexec.Options{Plugin: rawexec.Plugin{NoCgroups: true}})
	s.Outlives = false // the agents of the suite have the options of TestMain
	drivertest.Run(t, s)
}
