package jobspec

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/go-version"

	"github.com/droverhq/drover/api"
)

// rules checks what a job, group or task wants of its nodes.
func (v *validator) rules(p place, job *api.Job, constraints []*api.Constraint, affinities []*api.Affinity, spreads []*api.Spread) {
	for _, constraint := range constraints {
		checkConstraint(p.in("constraint"), constraint)
	}
	for _, affinity := range affinities {
		checkAffinity(p.in("affinity"), affinity)
	}
	for _, spread := range spreads {
		checkSpread(p.in("spread"), spread)
	}
	if job.IsSystem() && len(affinities)+len(spreads) > 0 {
		p.addf("a %s job runs on every node that its constraints allow; remove affinity and spread", api.Deref(job.Type))
	}
}

func checkConstraint(p place, c *api.Constraint) {
	switch c.Operand {
	case api.OperandDistinctHosts:
		if c.RTarget != "" {
			if _, err := strconv.ParseBool(c.RTarget); err != nil {
				p.addf("distinct_hosts is true or false, not %q", c.RTarget)
			}
		}
	case api.OperandDistinctProperty:
		if c.LTarget == "" {
			p.addf("distinct_property needs an attribute")
		}
		if n, err := strconv.ParseUint(c.RTarget, 10, 32); c.RTarget != "" && (err != nil || n == 0) {
			p.addf("the value of distinct_property is how many instances may share it, not %q", c.RTarget)
		}
	case api.OperandIsSet, api.OperandIsNotSet:
		if c.LTarget == "" {
			p.addf("%s needs an attribute", c.Operand)
		}
		if c.RTarget != "" {
			p.addf("%s has no value", c.Operand)
		}
	default:
		checkComparison(p, c.LTarget, c.Operand, c.RTarget)
	}
}

// operators are the operands that compare two sides.
var operators = []string{
	api.OperandEqual, "==", "is", api.OperandNotEqual, "not", api.OperandLess, api.OperandLessOrEqual, api.OperandGreater,
	api.OperandGreaterOrEqual, api.OperandRegexp, api.OperandVersion, api.OperandSemver, api.OperandSetContains,
	api.OperandSetContainsAll, api.OperandSetContainsAny,
}

func checkComparison(p place, left, operand, right string) {
	p.oneOf("operator", operand, operators...)
	if left == "" {
		p.addf("an attribute is required")
	}
	if strings.Contains(right, "${") {
		return // known when a node is looked at
	}
	switch operand {
	case api.OperandRegexp:
		if _, err := regexp.Compile(right); err != nil {
			p.addf("%q is not a regular expression: %s", right, err)
		}
	case api.OperandVersion:
		if _, err := version.NewConstraint(right); err != nil {
			p.addf(`%q is not a condition on versions; write ">= 1.2, < 2"`, right)
		}
	case api.OperandSemver:
		checkSemver(p, right)
	case api.OperandSetContains, api.OperandSetContainsAll, api.OperandSetContainsAny:
		if right == "" {
			p.addf("%s needs a value", operand)
		}
	}
}

// semverCondition is one of the conditions that stand between commas.
var semverCondition = regexp.MustCompile(`^\s*(>=|<=|!=|=|>|<)?\s*(\S+)\s*$`)

func checkSemver(p place, right string) {
	for _, condition := range strings.Split(right, ",") {
		m := semverCondition.FindStringSubmatch(condition)
		if m == nil {
			p.addf(`%q is not a condition on semantic versions; write ">= 1.2.0, < 2.0.0"`, right)
			return
		}
		if _, err := version.NewSemver(m[2]); err != nil {
			p.addf("%q is not a semantic version", m[2])
			return
		}
	}
}

// maxWeight is the weight of what matters most.
const maxWeight = 100

func checkAffinity(p place, a *api.Affinity) {
	checkComparison(p, a.LTarget, a.Operand, a.RTarget)
	if weight := api.Deref(a.Weight); weight < -maxWeight || weight > maxWeight || weight == 0 {
		p.addf("the weight is from -%d to %d, and not 0", maxWeight, maxWeight)
	}
}

func checkSpread(p place, s *api.Spread) {
	if s.Attribute == "" {
		p.addf("an attribute is required")
	}
	if weight := api.Deref(s.Weight); weight < 1 || weight > maxWeight {
		p.addf("the weight is from 1 to %d", maxWeight)
	}
	sum := 0
	values := map[string]bool{}
	for _, target := range s.SpreadTarget {
		if values[target.Value] {
			p.addf("there are two targets for %q", target.Value)
		}
		values[target.Value] = true
		sum += int(target.Percent)
	}
	if sum > 100 {
		p.addf("the targets add up to %d percent", sum)
	}
}
