package jobspec_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/jobspec"
)

func TestCronsThatLaunchOftenAreWarnedOfWithTheirNextLaunches(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 30, 0, time.UTC)
	job := &api.Job{Periodic: &api.PeriodicConfig{
		Specs: []string{"0 3 * * *", "* */4 * * *"}, TimeZone: new("America/New_York"),
	}}
	want := []string{`periodic: cron "* */4 * * *" launches every minute of the times that its other fields match (write 0 for the first * if once is meant); ` +
		"the next launches are 2026-11-21T08:00:00-05:00 2026-11-21T08:01:00-05:00 2026-11-21T08:02:00-05:00 2026-11-21T08:03:00-05:00 2026-11-21T08:04:00-05:00"}
	if got := jobspec.ScheduleWarnings(job, now); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAJobThatIsNeverLaunchedIsWarnedOf(t *testing.T) {
	job := &api.Job{Periodic: &api.PeriodicConfig{Spec: new("0 3 1 1 * 2020")}}
	got := jobspec.ScheduleWarnings(job, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if len(got) != 1 || !strings.Contains(got[0], "never be launched") {
		t.Errorf("got %q", got)
	}
	job.Periodic.Spec = new("0 3 1 1 *")
	if got := jobspec.ScheduleWarnings(job, time.Now()); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
