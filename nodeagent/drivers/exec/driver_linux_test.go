package exec_test

import (
	"testing"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/exec"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
)

func TestMain(m *testing.M) { heldtest.Main(m, func() drivertest.Subject { return subject(nil) }) }

// newDriver returns a driver with the settings of a plugin block.
func newDriver(t testing.TB, plugin map[string]any) *isolated.Driver {
	t.Helper()
	d, err := build(plugin)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func build(plugin map[string]any) (*isolated.Driver, error) {
	p, err := isolated.ParsePlugin(exec.Name, plugin)
	return exec.New(isolated.Options{Plugin: p, ShimPath: heldtest.ShimPath(), Cgroup: testGroup()}), err
}

// driverWith returns a driver that shows and hides files of the node.
func driverWith(t testing.TB, env map[string]string, hidden ...string) *isolated.Driver {
	t.Helper()
	p, err := isolated.ParsePlugin(exec.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return exec.New(isolated.Options{Plugin: p, ChrootEnv: env, Hidden: hidden, ShimPath: heldtest.ShimPath(), Cgroup: testGroup()})
}

// testGroup is the control group of these tests: others run tasks on this machine, too.
func testGroup() string { return "drover-test-exec" }

// needIsolation skips a test where nothing can be isolated.
func needIsolation(t testing.TB) {
	t.Helper()
	if info := newDriver(t, nil).Fingerprint(t.Context()); !info.Healthy {
		t.Skipf("not run: the driver exec does not work here: %s", info.HealthDescription)
	}
}

func subject(plugin map[string]any) drivertest.Subject {
	return heldtest.Subject(func() (driver.Driver, error) { return build(plugin) })
}

func TestDriver(t *testing.T) {
	needIsolation(t)
	before := leftovers(t)
	drivertest.Run(t, subject(nil))
	if after := leftovers(t); after != before {
		t.Errorf("after all that there is\n%s\nbefore there was\n%s", after, before)
	}
}

func TestDriverWithTheProcessIDsOfTheNode(t *testing.T) {
	needIsolation(t)
	s := subject(map[string]any{"default_pid_mode": "host", "default_ipc_mode": "host"})
	s.Outlives = false // the agents of the suite have the options of TestMain
	drivertest.Run(t, s)
}
