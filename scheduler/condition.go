package scheduler

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-version"

	"github.com/droverhq/drover/api"
)

// condition compares two targets. Constraints and affinities are made of it.
type condition struct {
	left, right target
	region      string
	holds       comparison
	text        string
}

// comparison decides about the two sides of a condition; a side that a node does
// not have is empty and not found.
type comparison func(left, right string, leftFound, rightFound bool) bool

func newCondition(left, operand, right, region string) *condition {
	return &condition{
		left:   parseTarget(left),
		right:  parseTarget(right),
		region: region,
		holds:  comparisonFor(operand),
		text:   strings.TrimSpace(left + " " + operand + " " + right),
	}
}

func (c *condition) met(n *api.Node) bool {
	left, leftFound := c.left.of(n, c.region)
	right, rightFound := c.right.of(n, c.region)
	return c.holds(left, right, leftFound, rightFound)
}

func (c *condition) unique() bool { return c.left.unique() || c.right.unique() }

func comparisonFor(operand string) comparison {
	switch operand {
	case api.OperandEqual, "==", "is":
		return bothFound(func(l, r string) bool { return l == r })
	case api.OperandNotEqual, "not":
		return func(l, r string, _, _ bool) bool { return l != r }
	case api.OperandLess, api.OperandLessOrEqual, api.OperandGreater, api.OperandGreaterOrEqual:
		return bothFound(func(l, r string) bool { return inOrder(operand, compare(l, r)) })
	case api.OperandRegexp:
		return bothFound(matchesPattern())
	case api.OperandVersion:
		return bothFound(matchesVersion(version.NewConstraint, version.Constraints.Check))
	case api.OperandSemver:
		return bothFound(matchesVersion(parseSemver, semverRange.contains))
	case api.OperandSetContains, api.OperandSetContainsAll:
		return bothFound(func(l, r string) bool {
			has := members(l)
			return !slices.ContainsFunc(members(r), func(s string) bool { return !slices.Contains(has, s) })
		})
	case api.OperandSetContainsAny:
		return bothFound(func(l, r string) bool {
			has := members(l)
			return slices.ContainsFunc(members(r), func(s string) bool { return slices.Contains(has, s) })
		})
	case api.OperandIsSet:
		return func(_, _ string, leftFound, _ bool) bool { return leftFound }
	case api.OperandIsNotSet:
		return func(_, _ string, leftFound, _ bool) bool { return !leftFound }
	}
	return func(_, _ string, _, _ bool) bool { return false }
}

func bothFound(test func(left, right string) bool) comparison {
	return func(left, right string, leftFound, rightFound bool) bool {
		return leftFound && rightFound && test(left, right)
	}
}

// compare orders two values as whole numbers if both are, else as numbers if both
// are, else as text.
func compare(left, right string) int {
	l, lErr := strconv.ParseInt(left, 10, 64)
	r, rErr := strconv.ParseInt(right, 10, 64)
	if lErr == nil && rErr == nil {
		return cmp.Compare(l, r)
	}
	lf, lErr := strconv.ParseFloat(left, 64)
	rf, rErr := strconv.ParseFloat(right, 64)
	if lErr == nil && rErr == nil {
		return cmp.Compare(lf, rf)
	}
	return strings.Compare(left, right)
}

// inOrder reports whether the result of a comparison is what an operand asks for.
func inOrder(operand string, order int) bool {
	switch operand {
	case api.OperandLess:
		return order < 0
	case api.OperandLessOrEqual:
		return order <= 0
	case api.OperandGreater:
		return order > 0
	case api.OperandGreaterOrEqual:
		return order >= 0
	case api.OperandNotEqual:
		return order != 0
	}
	return order == 0
}

func members(list string) []string {
	parts := strings.Split(list, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// matchesPattern returns a test of a value against a regular expression, which is
// compiled again only when it is another one. One that can't be is not met.
func matchesPattern() func(value, pattern string) bool {
	var compiled *regexp.Regexp
	var of string
	return func(value, pattern string) bool {
		if compiled == nil || of != pattern {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return false
			}
			compiled, of = re, pattern
		}
		return compiled.MatchString(value)
	}
}

// matchesVersion returns a test of a version against a range of versions, which is
// parsed again only when it is another one. What can't be parsed is not met.
func matchesVersion[R any](parse func(string) (R, error), check func(R, *version.Version) bool) func(value, within string) bool {
	var parsed R
	var of string
	var known bool
	return func(value, within string) bool {
		v, err := version.NewVersion(value)
		if err != nil {
			return false
		}
		if !known || of != within {
			r, err := parse(within)
			if err != nil {
				return false
			}
			parsed, of, known = r, within, true
		}
		return check(parsed, v)
	}
}

// semverRange is a list of bounds that a version must all meet. Unlike in the
// ranges of the operand "version", a pre-release is ordered as SemVer 2.0 says
// (https://semver.org/#spec-item-11): 1.4.1-beta is above 1.4.0.
type semverRange []semverBound

type semverBound struct {
	operand string
	version *version.Version
}

// semverOperands are those of a bound; none is the same as "=".
var semverOperands = []string{
	"", api.OperandEqual, "==", api.OperandNotEqual,
	api.OperandLess, api.OperandLessOrEqual, api.OperandGreater, api.OperandGreaterOrEqual,
}

func parseSemver(s string) (semverRange, error) {
	var bounds semverRange
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		operand := part[:len(part)-len(strings.TrimLeft(part, "<>=!"))]
		if !slices.Contains(semverOperands, operand) {
			return nil, fmt.Errorf("%q does not compare versions", operand)
		}
		v, err := version.NewSemver(strings.TrimSpace(part[len(operand):]))
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, semverBound{operand, v})
	}
	return bounds, nil
}

func (r semverRange) contains(v *version.Version) bool {
	return !slices.ContainsFunc(r, func(b semverBound) bool { return !inOrder(b.operand, v.Compare(b.version)) })
}
