package script_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
	"github.com/droverhq/drover/test/guide/script"
)

func TestMain(m *testing.M) { heldtest.Main(m, subject) }

func build() (driver.Driver, error) {
	p, err := isolated.ParsePlugin(script.Name, nil)
	return script.New(isolated.Options{Plugin: p, ShimPath: heldtest.ShimPath(), Cgroup: "drover-test-script"}), err
}

// subject describes the driver to the suite.
func subject() drivertest.Subject {
	shell := func(text string) map[string]any { return map[string]any{"text": text} }
	return drivertest.Subject{
		New: build,
		Ends: func(after time.Duration, code int) map[string]any {
			return shell(fmt.Sprintf("sleep %f; exit %d", after.Seconds(), code))
		},
		Wrong:       map[string]any{"txt": "exit"},
		Unstartable: map[string]any{"text": "exit", "interpreter": "/no/such/program"},
	}
}

func TestDriver(t *testing.T) {
	d, err := build()
	if err != nil {
		t.Fatal(err)
	}
	if info := d.Fingerprint(t.Context()); !info.Healthy {
		t.Skipf("not run: the driver script does not work here: %s", info.HealthDescription)
	}
	drivertest.Run(t, subject())
}
