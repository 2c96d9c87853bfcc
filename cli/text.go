package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// shortID is how many characters of an ID are shown, but with -verbose.
const shortID = 8

// ids shortens IDs, or not.
type ids bool

const (
	shortIDs ids = false
	longIDs  ids = true
)

func (l ids) of(id string) string {
	if bool(l) || len(id) <= shortID {
		return id
	}
	return id[:shortID]
}

// table lays rows out in columns; the first row is the header.
func table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// pairs lays out name = value lines, given name, value, name, value, ….
func pairs(nameValues ...string) string {
	width := 0
	for i := 0; i < len(nameValues); i += 2 {
		width = max(width, utf8.RuneCountInString(nameValues[i]))
	}
	var b strings.Builder
	for i := 0; i+1 < len(nameValues); i += 2 {
		fmt.Fprintf(&b, "%-*s = %s\n", width, nameValues[i], nameValues[i+1])
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}

const timeFormat = time.RFC3339

// stamp formats Unix nanoseconds; 0 is N/A.
func stamp(ns int64) string {
	if ns == 0 {
		return "N/A"
	}
	return time.Unix(0, ns).Format(timeFormat)
}

func stampOf(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "N/A"
	}
	return t.Local().Format(timeFormat)
}

// ago says how long before now something was, to two units: 1h3m ago.
func ago(ns int64, now time.Time) string {
	if ns == 0 {
		return "N/A"
	}
	return brief(now.Sub(time.Unix(0, ns))) + " ago"
}

// brief formats a duration to two units.
func brief(d time.Duration) string {
	const day = 24 * time.Hour
	units := []struct {
		size time.Duration
		name string
	}{{365 * day, "y"}, {30 * day, "mo"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	d = max(d, 0).Truncate(time.Second)
	var b strings.Builder
	for i, shown := 0, 0; i < len(units) && shown < 2; i++ {
		if n := d / units[i].size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, units[i].name)
			d -= n * units[i].size
			shown++
		} else if shown > 0 {
			break
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// bytesOf formats a size in bytes: 4.0 KiB, 24 GiB.
func bytesOf(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, exp := float64(n)/unit, 0
	for v >= unit && exp < 5 {
		v /= unit
		exp++
	}
	name := string("KMGTPE"[exp]) + "iB"
	if v < 10 {
		return fmt.Sprintf("%.1f %s", v, name)
	}
	return fmt.Sprintf("%.0f %s", v, name)
}

// counted is 1 task, 2 tasks.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func mib(n int64) string { return bytesOf(uint64(max(n, 0)) << 20) }
