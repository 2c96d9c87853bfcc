package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

const drover = "github.com/droverhq/drover/"

// TestTheInnermostFunctionOfAPartDecides: what has none is of who called it.
func TestTheInnermostFunctionOfAPartDecides(t *testing.T) {
	for _, test := range []struct {
		want  string
		stack []string // innermost first
	}{
		{"codec", []string{"runtime.memmove", drover + "api.(*Allocation).MarshalMsg", drover + "session.(*Conn).Send"}},
		{"codec", []string{"github.com/tinylib/msgp/msgp.AppendString", drover + "store/fsm.Encode"}},
		{"sessions", []string{"syscall.Syscall", "net.(*conn).Write", "github.com/hashicorp/yamux.(*Session).sendLoop"}},
		{"sessions", []string{drover + "server/sessions.(*Hub).deliver"}},
		{"HTTP", []string{drover + "server/httpapi.listJobs"}},
		{"tables", []string{drover + "store/table.tree.get", drover + "store.Get[...]", drover + "server/httpapi.get[...]"}},
		{"placement", []string{drover + "scheduler.(*Fleet).Place", drover + "controllers/job/room.(*Fleet).find"}},
		{"job passes", []string{drover + "controllers/job/plan.Decide", drover + "reconcile.(*run).pass"}},
		{"other controllers", []string{drover + "controllers/gc.pass"}},
		{"Pebble", []string{"github.com/cockroachdb/pebble/v2.(*DB).Apply", drover + "store/fsm.(*Machine).commit"}},
		{"raft", []string{"github.com/cockroachdb/pebble.(*DB).Apply", "github.com/lni/dragonboat/v3.(*engine).stepWorkerMain"}},
		{collection, []string{"runtime.scanObject", "runtime.gcDrain", "runtime.gcBgMarkWorker"}},
		{collection, []string{"runtime.gcAssistAlloc", "runtime.mallocgc", drover + "store/table.(*node).own"}},
		{runtimeOwn, []string{"runtime.futex", "runtime.findRunnable", "runtime.schedule"}},
	} {
		if got := partOf(test.stack); got != test.want {
			t.Errorf("%v is of %q, want %q", test.stack, got, test.want)
		}
	}
}

func TestABillAddsUpSamples(t *testing.T) {
	at := func(names ...string) []*profile.Location {
		var stack []*profile.Location
		for _, name := range names {
			stack = append(stack, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
		}
		return stack
	}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		Sample: []*profile.Sample{
			{Value: []int64{1, int64(10 * time.Millisecond)}, Location: at(drover + "scheduler.(*Fleet).Place")},
			{Value: []int64{2, int64(20 * time.Millisecond)}, Location: at(drover + "scheduler.(*Fleet).put")},
			{Value: []int64{1, int64(10 * time.Millisecond)}, Location: at("net/http.(*conn).serve")},
		},
	}
	b := bill{}
	b.add(p)
	if d := cmp.Diff(bill{"placement": 30 * time.Millisecond, "HTTP": 10 * time.Millisecond}, b); d != "" {
		t.Error(d)
	}
}
