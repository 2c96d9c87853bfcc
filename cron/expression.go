package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"
)

// expression is a cron. It knows nothing of zones: its times are what a clock on the
// wall shows, written as if that were UTC.
type expression struct {
	text   string
	fields []string // seven: second, minute, hour, day of month, month, day of week, year
	parsed *cronexpr.Expression
}

// named are the crons that have a name.
var named = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

// Positions in the fields of an expression.
const (
	second = iota
	minute
	hour
	year      = 6
	allFields = 7
)

// maxText is longer than any cron that means something, in bytes.
const maxText = 1024

// beginning is before every time that a cron can match: their years begin in 1970.
var beginning = time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)

// parse reads a cron.
func parse(text string) (*expression, error) {
	e := &expression{text: text}
	plain := strings.TrimSpace(text)
	if len(plain) > maxText {
		return nil, fmt.Errorf("the cron has %d bytes; it may have %d", len(plain), maxText)
	}
	if strings.HasPrefix(plain, "@") {
		meaning, ok := named[strings.ToLower(plain)]
		if !ok {
			return nil, fmt.Errorf("cron %q is not known; the names are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually", text)
		}
		plain = meaning
	}
	e.fields = strings.Fields(plain)
	switch len(e.fields) {
	case 5:
		e.fields = append(append([]string{"0"}, e.fields...), "*")
	case 6:
		e.fields = append([]string{"0"}, e.fields...)
	case allFields:
	default:
		return nil, fmt.Errorf("cron %q has %d fields; it needs 5 (minute, hour, day of month, month, day of week), 6 (and the year) or 7 (the second first, and the year)", text, len(e.fields))
	}
	var err error
	if e.parsed, err = cronexpr.Parse(strings.Join(e.fields, " ")); err != nil {
		return nil, fmt.Errorf("cron %q: %w", text, err)
	}
	if e.parsed.Next(beginning).IsZero() {
		return nil, fmt.Errorf("cron %q: %w", text, errNever)
	}
	return e, nil
}

var errNever = errors.New("no time matches it")

// next returns the first time after wall that matches; zero if there is none.
func (e *expression) next(wall time.Time) time.Time { return e.parsed.Next(wall) }

// byRealTime reports whether the cron is launched at every real hour that it matches,
// also when the clock shows it twice: its hours are all, or every Nth.
func (e *expression) byRealTime() bool { return strings.HasPrefix(e.fields[hour], "*") }

// hasty says what is strange about a cron that launches very often where little speaks
// for it: a * in front of fields that are restricted is mostly a 0 that was forgotten.
// It returns "" if nothing is.
func (e *expression) hasty() string {
	first, unit := minute, "minute"
	if e.fields[second] != "0" {
		first, unit = second, "second"
	}
	if !strings.HasPrefix(e.fields[first], "*") || strings.Contains(e.fields[first], "/") {
		return ""
	}
	for _, field := range e.fields[first+1 : year] {
		if field != "*" && field != "?" {
			return fmt.Sprintf("cron %q launches every %s of the times that its other fields match (write 0 for the first * if once is meant)", e.text, unit)
		}
	}
	if first == second {
		return fmt.Sprintf("cron %q launches every second: 86400 jobs a day", e.text)
	}
	return ""
}
