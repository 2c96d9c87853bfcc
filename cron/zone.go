package cron

import "time"

// segment is a stretch of time in which a zone has one offset from UTC.
type segment struct {
	start, end time.Time // end is zero for the last one
	offset     time.Duration
}

func segmentAt(t time.Time, zone *time.Location) segment {
	start, end := t.In(zone).ZoneBounds()
	_, seconds := t.In(zone).Zone()
	return segment{start, end, time.Duration(seconds) * time.Second}
}

// wall is what a clock shows at a moment, written as if it were UTC.
func (s segment) wall(t time.Time) time.Time { return t.UTC().Add(s.offset) }

// at is the moment at which a clock shows a time, if it is within the segment.
func (s segment) at(wall time.Time) time.Time { return wall.Add(-s.offset) }

// after reports whether a moment is after the segment.
func (s segment) after(t time.Time) bool { return !s.end.IsZero() && !t.Before(s.end) }

// lookBack is longer than any clock was ever put back at once: a day, where the date
// line moved.
const lookBack = 48 * time.Hour

// highest returns the latest time that clocks have shown up to and at a moment. It is
// more than what they show now when they were put back.
func highest(t time.Time, zone *time.Location) time.Time {
	current := segmentAt(t, zone)
	high := current.wall(t)
	for s := current; !s.start.IsZero() && t.Sub(s.start) < lookBack; {
		end := s.start
		s = segmentAt(end.Add(-time.Nanosecond), zone)
		if shown := s.wall(end).Add(-time.Nanosecond); shown.After(high) {
			high = shown
		}
	}
	return high
}

// maxSegments bounds the search for a launch: two changes a year until the last year
// that a cron can name, and some.
const maxSegments = 1000

// launch returns the first launch of a cron after a moment; zero if there is none.
func (e *expression) launch(after time.Time, zone *time.Location) time.Time {
	if e.byRealTime() {
		return e.launchAtMatch(after, zone)
	}
	return e.launchWhenReached(after, zone)
}

// launchAtMatch returns the first moment after another at which a clock shows a time
// that matches.
func (e *expression) launchAtMatch(after time.Time, zone *time.Location) time.Time {
	s := segmentAt(after, zone)
	shown := s.wall(after)
	for range maxSegments {
		wall := e.next(shown)
		if wall.IsZero() {
			return wall
		}
		if t := s.at(wall); !s.after(t) {
			return t
		}
		s = segmentAt(s.end, zone)
		shown = s.wall(s.start).Add(-time.Nanosecond)
	}
	return time.Time{}
}

// launchWhenReached returns the moment at which clocks first reach or pass the next
// time that matches and that they have not shown up to another moment.
func (e *expression) launchWhenReached(after time.Time, zone *time.Location) time.Time {
	wall := e.next(highest(after, zone))
	if wall.IsZero() {
		return wall
	}
	s := segmentAt(after, zone)
	for range maxSegments {
		t := s.at(wall)
		if t.Before(s.start) {
			return s.start
		}
		if !s.after(t) {
			return t
		}
		s = segmentAt(s.end, zone)
	}
	return time.Time{}
}
