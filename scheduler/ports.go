package scheduler

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Dynamic ports are chosen from this range unless the node says otherwise.
const (
	defaultMinDynamicPort = 20000
	defaultMaxDynamicPort = 32000
	highestPort           = 65535
)

// portSet is a set of ports of one address. Ports that are near each other share
// a page, so that a set of dynamic ports costs hundreds of bytes, not 8 KiB.
type portSet struct {
	pages [64]*portPage
}

// portPage holds 1,024 ports.
type portPage [16]uint64

func (s *portSet) has(port uint16) bool {
	page := s.pages[port>>10]
	return page != nil && page[port>>6&15]&(1<<(port&63)) != 0
}

func (s *portSet) add(port uint16) {
	page := s.pages[port>>10]
	if page == nil {
		page = new(portPage)
		s.pages[port>>10] = page
	}
	page[port>>6&15] |= 1 << (port & 63)
}

func (s *portSet) remove(port uint16) {
	page := s.pages[port>>10]
	if page == nil {
		return
	}
	page[port>>6&15] &^= 1 << (port & 63)
	if *page == (portPage{}) {
		s.pages[port>>10] = nil
	}
}

// nextFree returns the lowest port from first to last, both included, that is not
// in the set.
func (s *portSet) nextFree(first, last int) (port int, ok bool) {
	for port = first; port <= last; {
		page := s.pages[port>>10]
		if page == nil {
			return port, true
		}
		free := ^page[port>>6&15] >> (port & 63)
		if free == 0 {
			port = port>>6<<6 + 64
			continue
		}
		port += bits.TrailingZeros64(free)
		return port, port <= last
	}
	return 0, false
}

func (s *portSet) clone() *portSet {
	c := &portSet{}
	for i, page := range s.pages {
		if page != nil {
			copied := *page
			c.pages[i] = &copied
		}
	}
	return c
}

// portRange is the ports from first to last, both included.
type portRange struct {
	first, last int
}

// parsePortRanges reads a list of ports and ranges: 22,80,8000-9000.
func parsePortRanges(list string) ([]portRange, error) {
	var ranges []portRange
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := parsePort(from)
		if err != nil {
			return nil, err
		}
		last, err := parsePort(to)
		if err != nil {
			return nil, err
		}
		if first > last {
			return nil, fmt.Errorf("port range %q ends before it begins", part)
		}
		ranges = append(ranges, portRange{first, last})
	}
	return ranges, nil
}

func parsePort(s string) (int, error) {
	port, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || port < 0 || port > highestPort {
		return 0, fmt.Errorf("%q is not a port", s)
	}
	return port, nil
}

// within returns the range that a port is in.
func within(ranges []portRange, port int) (portRange, bool) {
	for _, r := range ranges {
		if r.first <= port && port <= r.last {
			return r, true
		}
	}
	return portRange{}, false
}
