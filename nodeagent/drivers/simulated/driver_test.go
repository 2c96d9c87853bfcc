package simulated_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/driver/drivertest"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	machine := simulated.New()
	drivertest.Run(t, drivertest.Subject{
		New: func() (driver.Driver, error) { return machine, nil },
		Ends: func(after time.Duration, code int) map[string]any {
			return map[string]any{"run_for": max(after, time.Nanosecond).String(), "exit_code": code}
		},
		Wrong:       map[string]any{"run_for": 7, "exit_code": "x"},
		Unstartable: map[string]any{"start_error": "it can't be"},
	})
}

func run(t *testing.T, d *simulated.Driver, id string, config map[string]any) driver.Handle {
	t.Helper()
	h, err := d.Start(t.Context(), driver.Task{ID: id, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wait(t *testing.T, d *simulated.Driver, h driver.Handle) driver.ExitResult {
	t.Helper()
	r, err := d.Wait(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestATaskLastsAsLongAsItIsToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := simulated.New()
		begin := time.Now()
		h := run(t, d, "a", map[string]any{"run_for": "90s", "exit_code": float64(3), "signal": "9", "start_delay": "1s"})
		r := wait(t, d, h)
		if r.ExitCode != 3 || r.Signal != 9 || time.Since(begin) != 91*time.Second {
			t.Errorf("%+v after %v", r, time.Since(begin))
		}
	})
}

func TestATaskThatEndsSlowlyIsKilledInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := simulated.New()
		for _, c := range []struct {
			delay  string
			took   time.Duration
			signal int
		}{{"0s", 0, 15}, {"2s", 2 * time.Second, 15}, {"1h", 5 * time.Second, 9}} {
			h := run(t, d, c.delay, map[string]any{"stop_delay": c.delay})
			begin := time.Now()
			if err := d.Stop(t.Context(), h, "SIGTERM", 5*time.Second); err != nil {
				t.Fatal(err)
			}
			if r := wait(t, d, h); r.Signal != c.signal || r.ExitCode != 128+c.signal || time.Since(begin) != c.took {
				t.Errorf("stop_delay %s: %+v after %v", c.delay, r, time.Since(begin))
			}
		}
	})
}

func TestAMachineRestartLosesEverything(t *testing.T) {
	d := simulated.New()
	h := run(t, d, "a", map[string]any{"run_for": "1h"})
	if len(d.Running()) != 1 {
		t.Fatalf("running %v", d.Running())
	}
	d.Forget()
	if err := d.Recover(t.Context(), h); err == nil || len(d.Running()) != 0 {
		t.Errorf("still there: %v", d.Running())
	}
}
