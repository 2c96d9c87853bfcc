package api

// Operands of constraints and affinities: how the left side is compared with the
// right one.
const (
	OperandEqual            = "="
	OperandNotEqual         = "!="
	OperandLess             = "<"
	OperandLessOrEqual      = "<="
	OperandGreater          = ">"
	OperandGreaterOrEqual   = ">="
	OperandRegexp           = "regexp"            // RE2
	OperandVersion          = "version"           // ">= 1.2, < 2"; a pre-release counts as older
	OperandSemver           = "semver"            // like version, strictly by semver.org
	OperandSetContains      = "set_contains"      // comma-separated; all of the right side are on the left
	OperandSetContainsAll   = "set_contains_all"  // the same
	OperandSetContainsAny   = "set_contains_any"  // one of the right side is on the left
	OperandIsSet            = "is_set"            // no right side
	OperandIsNotSet         = "is_not_set"        // no right side
	OperandDistinctHosts    = "distinct_hosts"    // not two instances on a node
	OperandDistinctProperty = "distinct_property" // at most n instances (the right side; 1) per value of the left side
)
