package allocation

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

// policies draws a reschedule policy as jobs may have it.
func policies(rt *rapid.T) *api.ReschedulePolicy {
	seconds := func(label string, from, to int) *time.Duration {
		return new(time.Duration(rapid.IntRange(from, to).Draw(rt, label)) * time.Second)
	}
	return &api.ReschedulePolicy{
		Attempts:      new(rapid.IntRange(0, 5).Draw(rt, "attempts")),
		Interval:      seconds("interval", 1, 3600),
		Delay:         seconds("delay", 5, 120),
		DelayFunction: new(rapid.SampledFrom([]string{api.DelayConstant, api.DelayExponential, api.DelayFibonacci}).Draw(rt, "function")),
		MaxDelay:      seconds("max", 120, 600),
		Unlimited:     new(rapid.Bool().Draw(rt, "unlimited")),
	}
}

// However an allocation and its successors fail: one is replaced at most once, never
// before its delay has passed, and no more often in an interval than the policy says.
func TestReplacementsKeepToThePolicy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		policy := policies(rt)
		now := time.Unix(1_000_000, 0)
		s := situation{
			alloc: &api.Allocation{ID: "a", NodeID: "n", TaskGroup: "g", DesiredStatus: api.AllocDesiredRun},
			node:  &api.Node{ID: "n"},
			job:   &api.Job{Version: new(uint64(0))},
			group: &api.TaskGroup{Name: new("g"), ReschedulePolicy: policy},
		}
		var replaced []time.Time
		for range rapid.IntRange(1, 20).Draw(rt, "failures") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "life")) * time.Second)
			ended := now
			s.status = &api.AllocationStatus{ID: "a", ClientStatus: api.AllocClientFailed, ModifyTime: ended.UnixNano()}
			next, again := plan(s, now)
			for range 3 { // woken too early, for other reasons
				if next != nil || again == 0 {
					break
				}
				if early, left := plan(s, now.Add(again-time.Nanosecond)); early != nil || left != time.Nanosecond {
					rt.Fatalf("a nanosecond early: %v, %v to go", early, left)
				}
				now = now.Add(again)
				next, again = plan(s, now)
			}
			if next == nil {
				continue // no attempts left: time passes, and its like fails again
			}
			if !api.Deref(policy.Unlimited) && now.Sub(ended) < *policy.Delay {
				rt.Fatalf("replaced %v after its failure, the delay is %v", now.Sub(ended), *policy.Delay)
			}
			marked := s
			marked.alloc = next
			if second, _ := plan(marked, now.Add(time.Hour)); second != nil {
				rt.Fatal("marked a second time")
			}
			replaced = append(replaced, now)
			delay, _ := policy.Next(s.alloc.RescheduleTracker, ended)
			successor := *s.alloc
			successor.RescheduleTracker = &api.RescheduleTracker{}
			if s.alloc.RescheduleTracker != nil {
				successor.RescheduleTracker.Events = append(successor.RescheduleTracker.Events, s.alloc.RescheduleTracker.Events...)
			}
			successor.RescheduleTracker.Events = append(successor.RescheduleTracker.Events,
				&api.RescheduleEvent{RescheduleTime: now.UnixNano(), Delay: delay})
			s.alloc = &successor
		}
		if attempts := *policy.Attempts; !api.Deref(policy.Unlimited) {
			for i := attempts; i < len(replaced); i++ {
				if within := replaced[i].Sub(replaced[i-attempts]); within < *policy.Interval {
					rt.Fatalf("%d replacements within %v, the policy allows %d in %v", attempts+1, within, attempts, *policy.Interval)
				}
			}
		}
	})
}

// Whatever an allocation's group wants of a node that is out of contact: it is lost or
// unknown only while its node is absent and it has not ended, it is never unknown for
// longer than the group says, and every mark is made once.
func TestWhatIsAbsentIsLostOrUnknownAndNothingElseIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		client := rapid.SampledFrom([]string{
			"", api.AllocClientPending, api.AllocClientRunning, api.AllocClientComplete, api.AllocClientFailed,
		}).Draw(rt, "client status")
		health := rapid.SampledFrom([]string{"gone", "", api.NodeInit, api.NodeReady, api.NodeDown, api.NodeDisconnected}).Draw(rt, "node")
		patience := time.Duration(rapid.SampledFrom([]int{0, 1, 3600}).Draw(rt, "patience")) * time.Second
		replace := rapid.Bool().Draw(rt, "replace")
		s := situation{
			alloc: &api.Allocation{
				ID: "a", NodeID: "n",
				DesiredStatus: rapid.SampledFrom([]string{api.AllocDesiredRun, api.AllocDesiredStop}).Draw(rt, "desired"),
			},
			group: &api.TaskGroup{Disconnect: &api.DisconnectStrategy{LostAfter: &patience, Replace: &replace}},
		}
		if client != "" {
			s.status = &api.AllocationStatus{ID: "a", ClientStatus: client}
		}
		if health != "gone" {
			s.node = &api.Node{ID: "n"}
		}
		if health != "gone" && health != "" {
			s.health = &api.NodeStatus{NodeID: "n", Status: health}
		}
		over := client == api.AllocClientComplete || client == api.AllocClientFailed
		absent := !over && (health == "gone" || health == api.NodeDown || health == api.NodeDisconnected)
		awaited := absent && health != "gone" && client != "" && s.alloc.WantsRun() && (patience > 0 || !replace)
		now := time.Unix(1_000_000, 0)
		next, again := plan(s, now)
		switch {
		case !absent && (next != nil || again != 0):
			rt.Fatalf("marked %+v, to be looked at again in %v", next, again)
		case !absent:
			return
		case next == nil:
			rt.Fatal("is not marked")
		case awaited && (next.Lost != api.AllocClientUnknown || !next.WantsRun() || again != patience):
			rt.Fatalf("marked as %+v, to be looked at again in %v", next, again)
		case !awaited && (next.Lost != api.AllocClientLost || next.WantsRun() || again != 0):
			rt.Fatalf("marked as %+v, to be looked at again in %v", next, again)
		}
		s.alloc = next
		if second, _ := plan(s, now); second != nil {
			rt.Fatal("marked a second time")
		}
		if !awaited {
			return
		}
		if end, _ := plan(s, now.Add(patience)); (end != nil) != (patience > 0) || end != nil && end.Lost != api.AllocClientLost {
			rt.Fatalf("after %v it is %+v", patience, end)
		}
		s.health = &api.NodeStatus{NodeID: "n", Status: api.NodeReady, UpdatedAt: now.UnixNano()}
		if early, left := plan(s, now); early != nil || left != settling {
			rt.Fatalf("is known again at once: %+v, %v", early, left)
		}
		if back, _ := plan(s, now.Add(settling)); back == nil || back.Lost != "" || back.UnknownSince != 0 || !back.WantsRun() {
			rt.Fatalf("comes back as %+v", back)
		}
	})
}

func TestDelayIsKeptThoughTheClockOfTheNodeIsBehind(t *testing.T) {
	placed := time.Unix(1_000_000, 0)
	s := situation{
		alloc:  &api.Allocation{ID: "a", NodeID: "n", DesiredStatus: api.AllocDesiredRun, CreateTime: placed.UnixNano()},
		status: &api.AllocationStatus{ID: "a", ClientStatus: api.AllocClientFailed, ModifyTime: placed.Add(-time.Hour).UnixNano()},
		node:   &api.Node{ID: "n"},
		job:    &api.Job{Version: new(uint64(0))},
		group: &api.TaskGroup{ReschedulePolicy: &api.ReschedulePolicy{
			Unlimited: new(true), Delay: new(30 * time.Second), MaxDelay: new(time.Hour), DelayFunction: new(api.DelayConstant),
		}},
	}
	if next, again := plan(s, placed.Add(time.Second)); next != nil || again != 29*time.Second {
		t.Errorf("a second after it was placed: %v, to be looked at again in %v", next, again)
	}
	if next, _ := plan(s, placed.Add(30*time.Second)); next == nil {
		t.Error("it is not replaced when the delay has passed")
	}
}
