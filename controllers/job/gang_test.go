package job_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers/scenario"
	"github.com/droverhq/drover/store"
)

// gangHistory is what happens to a cluster on which gangs and single instances compete.
var gangHistory = rapid.SliceOfN(rapid.OneOf(
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("node n%d cpu=%d%s", rapid.IntRange(1, 4).Draw(t, "node"), rapid.SampledFrom([]int{200, 500, 900}).Draw(t, "cpu"),
			rapid.SampledFrom([]string{"", "", " ineligible"}).Draw(t, "state"))
	}),
	rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"g1", "g2", "all", "small"}).Draw(t, "job")
		line := fmt.Sprintf("run %s type=batch attempts=1 delay=1s count=%d cpu=%d env=%d", name, rapid.IntRange(1, 6).Draw(t, "count"),
			rapid.SampledFrom([]int{50, 100, 300}).Draw(t, "cpu"), rapid.IntRange(1, 3).Draw(t, "env"))
		return line + map[string]string{"g1": " gang", "g2": " gang", "all": " all_at_once also=second"}[name]
	}),
	rapid.SampledFrom([]string{"agents", "agents", "advance 5s", "restart", "stop g1", "stop small"}),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s %s[%d]", rapid.SampledFrom([]string{"fail", "complete", "lose"}).Draw(t, "verb"),
			rapid.SampledFrom([]string{"g1.web", "g2.web", "all.web", "all.second", "small.web"}).Draw(t, "group"), rapid.IntRange(0, 5).Draw(t, "slot"))
	}),
), 5, 50)

func TestAGangIsPlacedWhollyOrNotAtAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := gangHistory.Draw(rt, "history")
		var broken error
		synctest.Test(t, func(t *testing.T) {
			c := scenario.New(t, registerAll)
			feed := c.Store.Watch(0)
			defer feed.Close()
			var seen uint64
			now := make(map[api.Key]api.Object)
			for n, line := range lines {
				if !possible(c, line) || strings.HasPrefix(line, "lose") && c.Latest(strings.Fields(line)[1]) == nil {
					continue
				}
				if _, err := c.Do(line); err != nil {
					broken = fmt.Errorf("step %d, %s: %w", n, line, err)
					return
				}
				c.Settle()
				if seen, broken = follow(t, feed, now, seen, c.Store.Snapshot().Index()); broken != nil {
					broken = fmt.Errorf("after step %d, %s: %w", n, line, broken)
					return
				}
			}
		})
		if broken != nil {
			rt.Fatal(broken)
		}
	})
}

// follow applies the changes up to an index to what a test knows, transaction by
// transaction, and checks each that places some of a gang.
func follow(t *testing.T, feed store.Feed, now map[api.Key]api.Object, seen, until uint64) (uint64, error) {
	for seen < until {
		changes, upTo, err := feed.Next(t.Context())
		if err != nil {
			return seen, err
		}
		seen = upTo
		for len(changes) > 0 {
			index := changes[0].Index
			placed := make(map[string]bool) // jobs
			for len(changes) > 0 && changes[0].Index == index {
				c := changes[0]
				changes = changes[1:]
				if now[c.Key] = c.New; c.New == nil {
					delete(now, c.Key)
				}
				if a, ok := c.New.(*api.Allocation); ok && c.Old == nil {
					placed[a.JobID] = true
				}
			}
			for id := range placed {
				if err := whole(now, id); err != nil {
					return seen, fmt.Errorf("transaction %d: %w", index, err)
				}
			}
		}
	}
	return seen, nil
}

// whole says which instances of a job's gangs are missing.
func whole(now map[api.Key]api.Object, id string) error {
	j, ok := now[api.JobKey(api.DefaultNamespace, id)].(*api.Job)
	if !ok {
		return nil
	}
	held := make(map[string]bool)
	for _, o := range now {
		a, ok := o.(*api.Allocation)
		if !ok || a.JobID != id || a.CreateIndex < *j.CreateIndex {
			continue
		}
		s, _ := now[(&api.AllocationStatus{ID: a.ID}).Key()].(*api.AllocationStatus)
		current := a.JobVersion == *j.Version
		ended := s != nil && s.Terminal()
		if current && ended && (s.ClientStatus == api.AllocClientComplete || a.WantsRun()) || !ended && a.WantsRun() && a.Lost == "" {
			held[a.Name] = true
		}
	}
	for _, g := range j.TaskGroups {
		if !api.Deref(g.Gang) && !api.Deref(j.AllAtOnce) {
			continue
		}
		count := 0
		for name := range held {
			if strings.HasPrefix(name, id+"."+*g.Name+"[") {
				count++
			}
		}
		if count < *g.Count {
			return fmt.Errorf("of %d in group %s there are %q", *g.Count, *g.Name, slices.Sorted(maps.Keys(held)))
		}
	}
	return nil
}
