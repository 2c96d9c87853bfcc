package exec_test

import (
	"context"
	"testing"

	"github.com/droverhq/drover/nodeagent/driver"
	"github.com/droverhq/drover/nodeagent/drivers/held/heldtest"
)

// BenchmarkStart starts one task after the other; make bench has the budget.
func BenchmarkStart(b *testing.B) {
	needIsolation(b)
	d := newDriver(b, nil)
	var handles []driver.Handle
	for b.Loop() {
		b.StopTimer()
		task := heldtest.NewTask(b, "")
		task.Config = map[string]any{"command": "sleep", "args": []any{"1000"}}
		b.StartTimer()
		h, err := d.Start(context.Background(), task)
		if err != nil {
			b.Fatal(err)
		}
		handles = append(handles, h)
	}
	for _, h := range handles {
		if err := d.Destroy(context.Background(), h); err != nil {
			b.Fatal(err)
		}
	}
}
