package cron_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/cron"
)

func schedule(t testing.TB, zone string, crons ...string) *cron.Schedule {
	t.Helper()
	s, err := cron.Parse(crons, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func moment(t testing.TB, zone, text string) time.Time {
	t.Helper()
	location, err := cron.Zone(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", text, location)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func texts(launches []time.Time, layout string) string {
	var out []string
	for _, l := range launches {
		out = append(out, l.Format(layout))
	}
	return strings.Join(out, ", ")
}

func TestFormsOfCronsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"30 4 * * *":            "Mon 02 Mar 04:30:00, Tue 03 Mar 04:30:00",
		"*/15 * * * *":          "Sun 01 Mar 12:15:00, Sun 01 Mar 12:30:00",
		"5/20 12 * * *":         "Sun 01 Mar 12:05:00, Sun 01 Mar 12:25:00",
		"0 9-17/4 * * MON-FRI":  "Mon 02 Mar 09:00:00, Mon 02 Mar 13:00:00",
		"0 0 1 jan,JUL *":       "Wed 01 Jul 00:00:00, Fri 01 Jan 00:00:00",
		"0 0 L * *":             "Tue 31 Mar 00:00:00, Thu 30 Apr 00:00:00",
		"0 0 LW 5 *":            "Fri 29 May 00:00:00, Mon 31 May 00:00:00",
		"0 0 15W 8 *":           "Fri 14 Aug 00:00:00, Mon 16 Aug 00:00:00",
		"0 0 * * 5#2":           "Fri 13 Mar 00:00:00, Fri 10 Apr 00:00:00",
		"0 0 * * 5L":            "Fri 27 Mar 00:00:00, Fri 24 Apr 00:00:00",
		"0 0 13 * 5":            "Fri 06 Mar 00:00:00, Fri 13 Mar 00:00:00",
		"0 0 29 2 *":            "Tue 29 Feb 00:00:00, Sun 29 Feb 00:00:00",
		"0 0 1 1 * 2030":        "Tue 01 Jan 00:00:00",
		"*/20 * * * * * *":      "Sun 01 Mar 12:00:20, Sun 01 Mar 12:00:40",
		"10 0 6 * * * 2027":     "Fri 01 Jan 06:00:10, Sat 02 Jan 06:00:10",
		"@hourly":               "Sun 01 Mar 13:00:00, Sun 01 Mar 14:00:00",
		"@daily":                "Mon 02 Mar 00:00:00, Tue 03 Mar 00:00:00",
		"@midnight":             "Mon 02 Mar 00:00:00, Tue 03 Mar 00:00:00",
		"@weekly":               "Sun 08 Mar 00:00:00, Sun 15 Mar 00:00:00",
		"@monthly":              "Wed 01 Apr 00:00:00, Fri 01 May 00:00:00",
		"@yearly":               "Fri 01 Jan 00:00:00, Sat 01 Jan 00:00:00",
		" @Annually ":           "Fri 01 Jan 00:00:00, Sat 01 Jan 00:00:00",
		"\t0   12 *  * *  ":     "Mon 02 Mar 12:00:00, Tue 03 Mar 12:00:00",
		"0 0 1 1 * 2020":        "",
		"0 12 1 3 ? 2026":       "",
		"59 59 23 31 12 * 2026": "Thu 31 Dec 23:59:59",
	} {
		launches := schedule(t, "", text).NextN(moment(t, "", "2026-03-01 12:00:00"), 2)
		if got := texts(launches, "Mon 02 Jan 15:04:05"); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestWhatIsNoCronIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "has 0 fields",
		"* * * *":            "has 4 fields; it needs 5 (minute,",
		"* * * * * * * *":    "has 8 fields",
		"@reboot":            "is not known; the names are @hourly",
		"@daily @daily":      "is not known",
		"60 * * * *":         "minute",
		"0 24 * * *":         "hour",
		"0 0 32 * *":         "day-of-month",
		"0 0 * 13 *":         "month",
		"0 0 * * 8":          "day-of-week",
		"0 0 * * 5#6":        "day-of-week",
		"0 0 1-5W * *":       "day-of-month",
		"0 0 * * * 1960":     "year",
		"*/0 * * * *":        "invalid interval",
		"0 0 31 2 *":         "no time matches it",
		"5-1 * * * *":        "no time matches it",
		"0 0 30 feb *":       "no time matches it",
		"H * * * *":          "minute",
		"1 2 3 4 5 6 7":      "year",
		"nightly at 3":       "has 3 fields",
		"0 3 * * * # backup": "has 7 fields or",
	} {
		if want == "has 7 fields or" {
			want = "cron"
		}
		if _, err := cron.Parse([]string{text}, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	_, err := cron.Parse([]string{"x", "0 3 * * *", "61 * * * *"}, "Mars/Olympus")
	if err == nil || !strings.Contains(err.Error(), `"x"`) || !strings.Contains(err.Error(), `"61 * * * *"`) || !strings.Contains(err.Error(), "Mars/Olympus") {
		t.Errorf("not all that is wrong is named: %v", err)
	}
	for _, zone := range []string{"Local", "../etc/passwd", "EST6EDT7"} {
		if _, err := cron.Zone(zone); err == nil {
			t.Errorf("zone %q is taken", zone)
		}
	}
	if _, err := cron.Parse(nil, ""); err == nil {
		t.Error("a schedule without a cron is taken")
	}
}

// What happens in the nights in which clocks change.
func TestClocksThatChange(t *testing.T) {
	const newYork, berlin, lordHowe, apia = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"
	for _, test := range []struct {
		zone, cron, from, want string
	}{
		// Left out: 02:00 to 03:00.
		{newYork, "30 2 * * *", "2026-03-07 00:00:00", "07 02:30 EST, 08 03:00 EDT, 09 02:30 EDT"},
		{newYork, "*/10 2 * * *", "2026-03-08 00:00:00", "08 03:00 EDT, 09 02:00 EDT, 09 02:10 EDT"},
		{newYork, "0 3 * * *", "2026-03-08 00:00:00", "08 03:00 EDT, 09 03:00 EDT, 10 03:00 EDT"},
		{newYork, "30 2,3 * * *", "2026-03-08 00:00:00", "08 03:00 EDT, 08 03:30 EDT, 09 02:30 EDT"},
		{newYork, "30 * * * *", "2026-03-08 00:00:00", "08 00:30 EST, 08 01:30 EST, 08 03:30 EDT"},
		{newYork, "*/20 * * * *", "2026-03-08 01:30:00", "08 01:40 EST, 08 03:00 EDT, 08 03:20 EDT"},
		{berlin, "15 2 * * *", "2026-03-28 03:00:00", "29 03:00 CEST, 30 02:15 CEST, 31 02:15 CEST"},
		{lordHowe, "10 2 * * *", "2026-10-04 00:00:00", "04 02:30 +11, 05 02:10 +11, 06 02:10 +11"},
		{lordHowe, "0 * * * *", "2026-10-04 00:30:00", "04 01:00 +1030, 04 03:00 +11, 04 04:00 +11"},
		// Twice: 01:00 to 02:00 (New York), 02:00 to 03:00 (Berlin), 01:30 to 02:00 (Lord Howe).
		{newYork, "30 1 * * *", "2026-10-31 12:00:00", "01 01:30 EDT, 02 01:30 EST, 03 01:30 EST"},
		{newYork, "0,59 1 * * *", "2026-11-01 00:00:00", "01 01:00 EDT, 01 01:59 EDT, 02 01:00 EST"},
		{newYork, "30 * * * *", "2026-11-01 00:45:00", "01 01:30 EDT, 01 01:30 EST, 01 02:30 EST"},
		{newYork, "0 2 * * *", "2026-11-01 00:00:00", "01 02:00 EST, 02 02:00 EST, 03 02:00 EST"},
		{berlin, "0 2 * * *", "2026-10-24 12:00:00", "25 02:00 CEST, 26 02:00 CET, 27 02:00 CET"},
		{berlin, "0 */2 * * *", "2026-10-25 01:00:00", "25 02:00 CEST, 25 02:00 CET, 25 04:00 CET"},
		{lordHowe, "45 1 * * *", "2026-04-04 12:00:00", "05 01:45 +11, 06 01:45 +1030, 07 01:45 +1030"},
		{lordHowe, "45 * * * *", "2026-04-05 01:00:00", "05 01:45 +11, 05 01:45 +1030, 05 02:45 +1030"},
		// A day that Samoa left out: after the 29th came the 31st of December 2011.
		{apia, "0 12 * * *", "2011-12-29 00:00:00", "29 12:00 -10, 31 00:00 +14, 31 12:00 +14"},
		{apia, "0 12 30 12 *", "2010-12-31 00:00:00", "31 00:00 +14, 30 12:00 +14, 30 12:00 +14"},
		{apia, "0 * * * *", "2011-12-29 22:30:00", "29 23:00 -10, 31 00:00 +14, 31 01:00 +14"},
	} {
		launches := schedule(t, test.zone, test.cron).NextN(moment(t, test.zone, test.from), 3)
		if got := texts(launches, "02 15:04 MST"); got != test.want {
			t.Errorf("%s in %s after %s:\n got %s\nwant %s", test.cron, test.zone, test.from, got, test.want)
		}
	}
}

func TestSeveralCronsAreOneSchedule(t *testing.T) {
	s := schedule(t, "", "0 6 * * *", "0 6,18 * * *", "30 6 * * *")
	got := texts(s.NextN(moment(t, "", "2026-03-01 00:00:00"), 5), "02 15:04")
	if want := "01 06:00, 01 06:30, 01 18:00, 02 06:00, 02 06:30"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTheOlderFormOfACronCounts(t *testing.T) {
	s, err := cron.Of(&api.PeriodicConfig{Spec: new("0 3 * * *"), TimeZone: new("Asia/Seoul")})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Next(moment(t, "", "2026-11-21 00:00:00")).Format(time.RFC3339); got != "2026-11-22T03:00:00+09:00" {
		t.Error(got)
	}
}

func TestCronsThatLaunchOftenAreNamed(t *testing.T) {
	for text, want := range map[string]bool{
		"* */4 * * *": true, "* 3 * * *": true, "* * * * mon": true, "* * */4 * * * *": true, "* 0 * * * * *": true, "* * * * * * *": true,
		"* * * * *": false, "*/5 3 * * *": false, "0 */4 * * *": false, "@hourly": false, "0 * * * * * *": false, "*/10 * * * * * *": false,
	} {
		if got := schedule(t, "", text).Hasty(); (got != "") != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// changes are moments around which clocks of a zone change.
var changes = map[string][]string{
	"America/New_York":    {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2007-03-11T07:00:00Z"},
	"Europe/Berlin":       {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
	"Australia/Lord_Howe": {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"},
	"Pacific/Apia":        {"2011-12-30T10:00:00Z"},
	"America/Sao_Paulo":   {"2018-11-04T03:00:00Z", "2018-02-18T02:00:00Z"}, // at midnight
	"Africa/Casablanca":   {"2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z"},
	"Asia/Seoul":          {"2026-11-21T00:00:00Z"}, // none
	"Asia/Kathmandu":      {"1985-12-31T18:30:00Z"}, // a quarter of an hour
	"America/Juneau":      {"1983-10-30T10:00:00Z"}, // two hours back
}

// anyCron draws a cron of minutes.
func anyCron(t *rapid.T) string {
	field := func(name string, lo, hi int) string {
		number := rapid.IntRange(lo, hi)
		switch rapid.IntRange(0, 4).Draw(t, name) {
		case 0, 1:
			return "*"
		case 2:
			return fmt.Sprintf("*/%d", rapid.IntRange(1, hi).Draw(t, name))
		case 3:
			a, b := number.Draw(t, name), number.Draw(t, name)
			return fmt.Sprintf("%d-%d", min(a, b), max(a, b))
		}
		values := rapid.SliceOfNDistinct(number, 1, 4, rapid.ID[int]).Draw(t, name)
		slices.Sort(values)
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(values), " ", ","), "[]")
	}
	return strings.Join([]string{field("minute", 0, 59), field("hour", 0, 5), "*", "*", field("day of week", 0, 6)}, " ")
}

// The launches around a change of clocks are those that a clock which is looked at every
// minute would give: a cron of every hour when it shows a time that matches; a cron of
// fixed hours when it shows, or has passed, one that it has not shown before.
func TestLaunchesAreThoseThatAClockGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(slices.Sorted(mapKeys(changes))).Draw(t, "zone")
		change, err := time.Parse(time.RFC3339, rapid.SampledFrom(changes[zone]).Draw(t, "change"))
		if err != nil {
			t.Fatal(err)
		}
		text := anyCron(t)
		s, err := cron.Parse([]string{text}, zone)
		if err != nil {
			t.Fatal(err)
		}
		matches, err := cron.Parse([]string{text}, "")
		if err != nil {
			t.Fatal(err)
		}
		location, err := cron.Zone(zone)
		if err != nil {
			t.Fatal(err)
		}
		begin := change.Add(-30 * time.Hour)
		realTime := strings.HasPrefix(strings.Fields(text)[1], "*")
		high := wall(begin.Add(-2*lookBack), location)
		launched := begin
		for at := begin.Add(-2 * lookBack); at.Before(change.Add(30 * time.Hour)); at = at.Add(time.Minute) {
			shows := wall(at, location)
			due := matches.Next(high)
			if realTime {
				due = matches.Next(shows.Add(-time.Second))
			}
			high = latest(high, shows)
			if due.After(shows) || !at.After(begin) {
				continue
			}
			next := s.Next(launched)
			if !next.Equal(at) {
				t.Fatalf("%s in %s: the launch after %s is %s, and should be %s", text, zone, launched.In(location), next, at.In(location))
			}
			launched = next
		}
	})
}

const lookBack = 48 * time.Hour

func wall(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Launches are strictly increasing; between two of them there is no other, from
// wherever it is asked; and Latest finds the last one.
func TestLaunchesAreInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(slices.Sorted(mapKeys(changes))).Draw(t, "zone")
		change, err := time.Parse(time.RFC3339, rapid.SampledFrom(changes[zone]).Draw(t, "change"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := cron.Parse([]string{anyCron(t), anyCron(t)}, zone)
		if err != nil {
			t.Fatal(err)
		}
		after := change.Add(time.Duration(rapid.Int64Range(-int64(40*time.Hour), int64(10*time.Hour)).Draw(t, "after")))
		launches := s.NextN(after, 20)
		for i, at := range launches {
			if !at.After(after) {
				t.Fatalf("launch %d, %s, is not after %s", i, at, after)
			}
			between := after.Add(time.Duration(rapid.Int64Range(0, int64(at.Sub(after))-1).Draw(t, "between")))
			if again := s.Next(between); !again.Equal(at) {
				t.Fatalf("after %s comes %s, but after %s, which is earlier, %s", between, again, after, at)
			}
			until := at.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)-1).Draw(t, "until")))
			if last := s.Latest(launches[0].Add(-time.Nanosecond), until); !last.Equal(at) {
				t.Fatalf("the latest until %s is %s, want %s", until, last, at)
			}
			after = at
		}
		if len(launches) > 0 && !s.Latest(launches[0], launches[0]).IsZero() {
			t.Fatal("a launch is found after itself")
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"0 3 * * *", "*/15 * * * * *", "0 0 L * 5#2", "@daily", "* * 31 2 *", "5-1 * * * *", "0 0 15W,L JAN-DEC ? 2030/2"} {
		f.Add(text, "Europe/Berlin")
	}
	from := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text, zone string) {
		s, err := cron.Parse([]string{text}, zone)
		if err != nil {
			return
		}
		for at := range slices.Values(s.NextN(from, 3)) {
			if !at.After(from) {
				t.Fatalf("%q in %q: %s", text, zone, at)
			}
		}
	})
}
