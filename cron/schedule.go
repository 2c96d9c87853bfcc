package cron

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/droverhq/drover/api"
)

// Schedule is when a periodic job is launched. It is for one goroutine.
type Schedule struct {
	crons []*expression
	zone  *time.Location
}

// MaxCrons is how many crons a schedule may have.
const MaxCrons = 100

// Of returns the schedule of a periodic block.
func Of(p *api.PeriodicConfig) (*Schedule, error) { return Parse(p.Crons(), api.Deref(p.TimeZone)) }

// Parse reads a schedule. Without a zone it is UTC. The error names every cron that
// can't be read.
func Parse(crons []string, zone string) (*Schedule, error) {
	s := &Schedule{zone: time.UTC}
	var errs []error
	switch {
	case len(crons) == 0:
		errs = append(errs, errors.New("a cron is needed"))
	case len(crons) > MaxCrons:
		return nil, fmt.Errorf("there are %d crons; there may be %d", len(crons), MaxCrons)
	}
	for _, text := range crons {
		e, err := parse(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.crons = append(s.crons, e)
	}
	var err error
	if s.zone, err = Zone(zone); err != nil {
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}

// Zone returns the time zone of an IANA name, UTC for "".
func Zone(name string) (*time.Location, error) {
	// Local is the zone of whichever server happens to lead.
	if name == "Local" {
		return nil, errors.New(`time zone "Local" is another one on each server; name it: America/New_York, say`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is not known; it is an IANA name such as Europe/Berlin", name)
	}
	return zone, nil
}

// Next returns the first launch after a moment; zero if there is none any more.
func (s *Schedule) Next(after time.Time) time.Time {
	var first time.Time
	for _, e := range s.crons {
		next := e.launch(after, s.zone)
		if !next.IsZero() && (first.IsZero() || next.Before(first)) {
			first = next
		}
	}
	if first.IsZero() {
		return first
	}
	return first.In(s.zone)
}

// NextN returns the first n launches after a moment, or as many as there are.
func (s *Schedule) NextN(after time.Time, n int) []time.Time {
	var out []time.Time
	for len(out) < n {
		after = s.Next(after)
		if after.IsZero() {
			break
		}
		out = append(out, after)
	}
	return out
}

// Latest returns the last launch that is after one moment and not after the other; zero
// if there is none. It takes about as long for a second as for years.
func (s *Schedule) Latest(after, until time.Time) time.Time {
	due := func(t time.Time) bool { next := s.Next(t); return !next.IsZero() && !next.After(until) }
	if !due(after) {
		return time.Time{}
	}
	// Launches are at whole seconds: the last one follows on the last second after which
	// there still is one.
	first := after.Truncate(time.Second)
	seconds := int(until.Sub(first)/time.Second) + 1
	n := sort.Search(seconds, func(i int) bool { return !due(first.Add(time.Duration(i) * time.Second)) })
	return s.Next(first.Add(time.Duration(n-1) * time.Second))
}

// Hasty says which cron launches very often where little speaks for it, in words for its
// author; "" if none does.
func (s *Schedule) Hasty() string {
	for _, e := range s.crons {
		if why := e.hasty(); why != "" {
			return why
		}
	}
	return ""
}
