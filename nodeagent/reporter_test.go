package nodeagent

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/session"
)

func status(id string, n int64) *api.AllocationStatus {
	return &api.AllocationStatus{ID: id, ModifyTime: n}
}

func TestTheFirstStatusGoesAtOnceAndIdleOnesTogether(t *testing.T) {
	r, now := newReporter(), time.Unix(0, 0)
	r.report(status("a", 1), true, now)
	if b, _ := r.next(now); b == nil || len(b.Statuses) != 1 {
		t.Fatalf("got %+v", b)
	}
	for i := range 10 {
		r.report(status(fmt.Sprint(i), 1), false, now)
	}
	b, wait := r.next(now)
	if b != nil || wait != reportDelay {
		t.Fatalf("got %+v, wait %v", b, wait)
	}
	if b, _ = r.next(now.Add(wait)); b == nil || len(b.Statuses) != 10 {
		t.Fatalf("got %+v", b)
	}
}

func TestAnOvertakenStatusIsNotSent(t *testing.T) {
	r, now := newReporter(), time.Unix(0, 0)
	r.report(status("a", 1), false, now)
	r.report(status("a", 2), true, now)
	r.report(status("a", 3), false, now) // still urgent
	b, _ := r.next(now)
	if b == nil || len(b.Statuses) != 1 || b.Statuses[0].ModifyTime != 3 {
		t.Fatalf("got %+v", b)
	}
	r.acknowledge(b.Seq, now)
	if b, wait := r.next(now.Add(time.Hour)); b != nil || wait != 0 {
		t.Fatalf("something is left: %+v, %v", b, wait)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	r, now := newReporter(), time.Unix(0, 0)
	for i := range 3 * reportMax {
		r.report(status(fmt.Sprint(i), 1), true, now)
	}
	for range reportFlights {
		if b, _ := r.next(now); b == nil || len(b.Statuses) != reportMax {
			t.Fatalf("got %+v", b)
		}
	}
	if b, _ := r.next(now); b != nil {
		t.Fatal("more in flight than allowed")
	}
	big := &api.AllocationStatus{ClientDescription: string(make([]byte, reportBytes/3))}
	r = newReporter()
	for i := range 10 {
		s := *big
		s.ID = fmt.Sprint(i)
		r.report(&s, true, now)
	}
	if b, _ := r.next(now); len(b.Statuses) != 3 && len(b.Statuses) != 4 {
		t.Fatalf("%d large statuses in a batch", len(b.Statuses))
	}
}

// TestServersGetTheNewestStatusInTheEnd plays random reports, batches, acknowledgements
// and lost sessions. Whatever the order in which batches are committed, a status is
// never overwritten by an older one, and in the end each is the newest.
func TestServersGetTheNewestStatusInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := newReporter(), time.Unix(0, 0)
		newest, stored := map[string]int64{}, map[string]int64{}
		var flights []*session.StatusBatch
		commit := func(i int) {
			for _, s := range flights[i].Statuses {
				if s.ModifyTime < stored[s.ID] {
					t.Fatalf("%s: %d after %d", s.ID, s.ModifyTime, stored[s.ID])
				}
				stored[s.ID] = s.ModifyTime
			}
			r.acknowledge(flights[i].Seq, now)
			flights = append(flights[:i], flights[i+1:]...)
		}
		send := func() bool {
			b, _ := r.next(now)
			if b != nil {
				flights = append(flights, b)
			}
			return b != nil
		}
		for n := range rapid.Int64Range(0, 100).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"report", "report", "send", "commit", "time", "reset", "forget"}).Draw(t, "step") {
			case "report":
				id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")
				newest[id] = n + 1
				r.report(status(id, n+1), rapid.Bool().Draw(t, "urgent"), now)
			case "send":
				send()
			case "commit":
				if len(flights) > 0 {
					commit(rapid.IntRange(0, len(flights)-1).Draw(t, "flight"))
				}
			case "time":
				now = now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second}).Draw(t, "passes"))
			case "reset": // the session is lost, and what was in flight with it
				flights = nil
				r.reset(now)
			case "forget":
				id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")
				r.forget(id)
				delete(newest, id)
				delete(stored, id)
				for _, b := range flights {
					for i, s := range b.Statuses {
						if s.ID == id {
							b.Statuses[i] = status(fmt.Sprint("gone ", b.Seq, s.ID), n)
						}
					}
				}
			}
		}
		for range 5 {
			now = now.Add(time.Second)
			for send() || len(flights) > 0 {
				if len(flights) > 0 {
					commit(0)
				}
			}
		}
		for id, n := range newest {
			if stored[id] != n {
				t.Fatalf("%s is stored as %d, newest is %d", id, stored[id], n)
			}
		}
		select {
		case <-r.done():
		default:
			t.Fatalf("not done: %+v", r.reports)
		}
	})
}

// BenchmarkReports measures statuses a second through the reporter.
func BenchmarkReports(b *testing.B) {
	r, now := newReporter(), time.Now()
	statuses := make([]*api.AllocationStatus, 50_000)
	for i := range statuses {
		statuses[i] = status(fmt.Sprint(i), 1)
	}
	n := 0
	for b.Loop() {
		for _, s := range statuses {
			r.report(s, true, now)
		}
		for {
			batch, _ := r.next(now)
			if batch == nil {
				break
			}
			n += len(batch.Statuses)
			r.acknowledge(batch.Seq, now)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "statuses/s")
}
