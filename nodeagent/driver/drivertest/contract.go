package drivertest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver"
)

// contract is what holds for every driver.
var contract = []check{
	{"ADriverHasANameAndIsHealthyHere", checkFingerprint},
	{"AWrongConfigIsRefusedWithWhatIsWrong", checkValidate},
	{"ATaskEndsWithItsExitCode", checkExitCodes},
	{"AFailedStartLeavesNothing", checkFailedStart},
	{"EverybodyWhoWaitsIsToldNowAndLater", checkWaiters},
	{"AWaitEndsWithItsContext", checkWaitContext},
	{"AStoppedTaskHasEnded", checkStop},
	{"AnUnknownSignalIsAnError", checkUnknownSignal},
	{"ADestroyedTaskIsGone", checkDestroy},
	{"ATaskIsStartedOnce", checkStartTwice},
	{"ManyTasksRunAtOnce", checkMany},
	{"AnUnknownHandleIsGone", checkUnknownHandle},
}

func checkFingerprint(t *testing.T, b *bench) {
	if b.driver.Name() == "" {
		t.Error("the driver has no name")
	}
	info := b.driver.Fingerprint(b.ctx)
	if !info.Detected || !info.Healthy {
		t.Errorf("fingerprint = %+v", info)
	}
	if got := info.Attributes["driver."+b.driver.Name()]; got != "true" {
		t.Errorf("attribute driver.%s = %q", b.driver.Name(), got)
	}
}

func checkValidate(t *testing.T, b *bench) {
	if err := b.driver.Validate(b.subject.Ends(0, 0)); err != nil {
		t.Errorf("a good config is refused: %v", err)
	}
	err := b.driver.Validate(b.subject.Wrong)
	var invalid *api.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Fields) == 0 {
		t.Errorf("a wrong config: %v", err)
	}
}

func checkExitCodes(t *testing.T, b *bench) {
	for _, code := range []int{0, 1, 42, 255} {
		before := time.Now()
		result := b.wait(b.start(b.task(b.subject.Ends(0, code))))
		if result.ExitCode != code || result.Signal != 0 || result.Err != "" {
			t.Errorf("exit %d: %+v", code, result)
		}
		if result.Successful() != (code == 0) {
			t.Errorf("exit %d: successful is %v", code, result.Successful())
		}
		if result.FinishedAt.Before(before) || result.FinishedAt.After(time.Now()) {
			t.Errorf("exit %d: finished at %v, started after %v", code, result.FinishedAt, before)
		}
	}
}

func checkFailedStart(t *testing.T, b *bench) {
	if b.subject.Unstartable == nil {
		return
	}
	task := b.task(b.subject.Unstartable)
	if h, err := b.driver.Start(b.ctx, task); err == nil {
		t.Fatalf("started: %+v", h)
	}
	if finder, ok := b.driver.(driver.Finder); ok {
		if h, err := finder.Find(b.ctx, task); !errors.Is(err, driver.ErrTaskGone) {
			t.Errorf("found %+v, %v", h, err)
		}
	}
	if _, err := os.Stat(task.StateDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state directory: %v", err)
	}
}

func checkWaiters(t *testing.T, b *bench) {
	h := b.start(b.task(b.subject.Ends(50*time.Millisecond, 3)))
	var waiters sync.WaitGroup
	results := make([]driver.ExitResult, 10)
	for i := range results {
		waiters.Go(func() {
			var err error
			if results[i], err = b.driver.Wait(b.ctx, h); err != nil {
				t.Errorf("waiter %d: %v", i, err)
			}
		})
	}
	waiters.Wait()
	later := b.wait(h)
	if later.ExitCode != 3 {
		t.Errorf("result %+v", later)
	}
	for i, result := range results {
		if result != later {
			t.Errorf("waiter %d was told %+v, later %+v", i, result, later)
		}
	}
}

func checkWaitContext(t *testing.T, b *bench) {
	h := b.start(b.task(b.subject.Ends(never, 0)))
	ctx, cancel := context.WithCancel(b.ctx)
	var waiter sync.WaitGroup
	waiter.Go(func() {
		if _, err := b.driver.Wait(ctx, h); !errors.Is(err, context.Canceled) {
			t.Errorf("wait: %v", err)
		}
	})
	cancel()
	waiter.Wait()
}

func checkStop(t *testing.T, b *bench) {
	h := b.start(b.task(b.subject.Ends(never, 0)))
	b.stop(h, "SIGTERM", never)
	first := b.wait(h)
	if first.Err != "" || first.FinishedAt.IsZero() {
		t.Errorf("result %+v", first)
	}
	b.stop(h, "SIGTERM", never) // it has ended
	if again := b.wait(h); again != first {
		t.Errorf("result %+v, after another stop %+v", first, again)
	}
}

func checkUnknownSignal(t *testing.T, b *bench) {
	h := b.start(b.task(b.subject.Ends(never, 0)))
	if err := b.driver.Stop(b.ctx, h, "SIGNONSENSE", 0); err == nil {
		t.Error("stopped with a signal that is none")
	}
	if signaler, ok := b.driver.(driver.Signaler); ok {
		if err := signaler.Signal(b.ctx, h, "SIGNONSENSE"); err == nil {
			t.Error("sent a signal that is none")
		}
	}
}

func checkDestroy(t *testing.T, b *bench) {
	for _, after := range []time.Duration{0, never} {
		task := b.task(b.subject.Ends(after, 0))
		h := b.start(task)
		for range 2 {
			if err := b.driver.Destroy(b.ctx, h); err != nil {
				t.Fatalf("destroy: %v", err)
			}
		}
		if result, err := b.driver.Wait(b.ctx, h); !errors.Is(err, driver.ErrTaskGone) {
			t.Errorf("wait after destroy: %+v, %v", result, err)
		}
		if err := b.driver.Recover(b.ctx, h); !errors.Is(err, driver.ErrTaskGone) {
			t.Errorf("recover after destroy: %v", err)
		}
		if _, err := os.Stat(task.StateDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("state directory after destroy: %v", err)
		}
	}
}

func checkStartTwice(t *testing.T, b *bench) {
	task := b.task(b.subject.Ends(never, 0))
	handles := make([]driver.Handle, 5)
	var starters sync.WaitGroup
	for i := range handles {
		starters.Go(func() {
			var err error
			if handles[i], err = b.driver.Start(b.ctx, task); err != nil {
				t.Errorf("start %d: %v", i, err)
			}
		})
	}
	starters.Wait()
	b.start(task) // destroys it in the end
	for i, h := range handles {
		if h.PID != handles[0].PID || !h.Started.Equal(handles[0].Started) {
			t.Errorf("start %d returned process %d of %v, start 0 process %d of %v",
				i, h.PID, h.Started, handles[0].PID, handles[0].Started)
		}
	}
	b.stop(handles[0], "SIGKILL", 0)
	if after := b.start(task); after.PID != handles[0].PID {
		t.Errorf("start after the end returned process %d, not the ended %d", after.PID, handles[0].PID)
	}
}

func checkMany(t *testing.T, b *bench) {
	many := 50
	if b.subject.Costly {
		many = 6
	}
	var tasks sync.WaitGroup
	for i := range many {
		task := b.task(b.subject.Ends(10*time.Millisecond, i))
		tasks.Go(func() {
			h, err := b.driver.Start(b.ctx, task)
			if err != nil {
				t.Errorf("start task %d: %v", i, err)
				return
			}
			result, err := b.driver.Wait(b.ctx, h)
			if err != nil || result.ExitCode != i {
				t.Errorf("task %d: %+v, %v", i, result, err)
			}
			if err := b.driver.Destroy(b.ctx, h); err != nil {
				t.Errorf("destroy task %d: %v", i, err)
			}
		})
	}
	tasks.Wait()
}

func checkUnknownHandle(t *testing.T, b *bench) {
	h := b.start(b.task(b.subject.Ends(0, 0)))
	if err := b.driver.Destroy(b.ctx, h); err != nil {
		t.Fatal(err)
	}
	fresh, err := b.subject.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.Recover(b.ctx, h); !errors.Is(err, driver.ErrTaskGone) {
		t.Errorf("recover: %v", err)
	}
	if err := fresh.Destroy(b.ctx, h); err != nil {
		t.Errorf("destroy: %v", err)
	}
}
