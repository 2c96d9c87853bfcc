package held

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/shim"
)

// tick is the unit of CPU times in /proc: USER_HZ, 100 on every platform of Linux.
const tick = 10 * time.Millisecond

// Stats adds up what the processes of the task use. The shim is not among them, but
// knows the CPU time of those that have ended.
func (d *Holder) Stats(ctx context.Context, h driver.Handle) (driver.Stats, error) {
	t, err := d.taskOf(h)
	if err != nil {
		return driver.Stats{}, err
	}
	_, started, err := t.running(ctx)
	if err != nil {
		return driver.Stats{}, fmt.Errorf("measure task %s: %w", h.TaskID, err)
	}
	holder, err := shim.Lookup(started.ShimPID)
	if err != nil {
		return driver.Stats{}, fmt.Errorf("measure task %s: %w", h.TaskID, err)
	}
	s := driver.Stats{
		CPUUser:    time.Duration(holder.UserTicksWaited) * tick,
		CPUSystem:  time.Duration(holder.SystemTicksWaited) * tick,
		MeasuredAt: time.Now(),
	}
	if err := addDescendants(&s, holder.PID); err != nil {
		return driver.Stats{}, fmt.Errorf("measure task %s: %w", h.TaskID, err)
	}
	s.CPUTime = s.CPUUser + s.CPUSystem
	return s, nil
}

func addDescendants(s *driver.Stats, parent int) error {
	children, err := shim.Children(parent)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it has ended
	}
	if err != nil {
		return err
	}
	for _, pid := range children {
		p, err := shim.Lookup(pid)
		if err != nil || p.PPID != parent {
			continue // it has ended
		}
		s.PIDs++
		s.MemoryRSS += p.RSSPages * uint64(os.Getpagesize())
		s.CPUUser += time.Duration(p.UserTicks+p.UserTicksWaited) * tick
		s.CPUSystem += time.Duration(p.SystemTicks+p.SystemTicksWaited) * tick
		if err := addDescendants(s, pid); err != nil {
			return err
		}
	}
	return nil
}
