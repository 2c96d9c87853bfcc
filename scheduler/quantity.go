package scheduler

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// quantity is a value that devices are compared by: a number with or without a unit, a
// truth value, or text.
type quantity struct {
	// text is how it is written. What stands in a job as a literal may be meant as text
	// although it looks like something else: literal.
	text    string
	literal bool

	number *big.Rat // in the base unit; nil if it is none
	base   string   // unit: B, B/s, Hz, W or none
	truth  *bool    // nil if it is no truth value
}

// unit is what a number may be followed by.
type unit struct {
	name, base string
	factor     *big.Rat // of the base unit
}

// units are those that devices and jobs use, the longest names first, so that the first
// that a text ends in is meant.
func units() []unit {
	var list []unit
	const kilo, kibi, powers = 1000, 1024, 6
	prefixed := func(base, suffix string) {
		for n, prefix := range []string{"k", "M", "G", "T", "P", "E"} {
			list = append(list,
				unit{strings.ToUpper(prefix) + "i" + suffix, base, power(kibi, n+1)},
				unit{prefix + suffix, base, power(kilo, n+1)})
		}
		list = append(list, unit{"K" + suffix, base, power(kilo, 1)})
	}
	prefixed("B/s", "B/s")
	prefixed("B", "B")
	const mega, giga = 2, 3
	return append(list,
		unit{"MHz", "Hz", power(kilo, mega)}, unit{"GHz", "Hz", power(kilo, giga)},
		unit{"mW", "W", new(big.Rat).Inv(power(kilo, 1))}, unit{"kW", "W", power(kilo, 1)},
		unit{"MW", "W", power(kilo, mega)}, unit{"GW", "W", power(kilo, giga)}, unit{"W", "W", power(kilo, 0)})
}

func power(base, exponent int) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(int64(base)), big.NewInt(int64(exponent)), nil))
}

// quantities reads values of jobs and devices.
type quantities struct{ units []unit }

// literal reads a value as it stands in a job: "2 GiB", "1.5GHz", "7", "true", "1080ti".
func (q quantities) literal(text string) quantity {
	v := quantity{text: text, literal: true}
	number, u := strings.TrimSpace(text), unit{factor: big.NewRat(1, 1)}
	for _, known := range q.units {
		if before, ok := strings.CutSuffix(number, known.name); ok {
			number, u = strings.TrimSpace(before), known
			break
		}
	}
	if n := parseNumber(number); n != nil {
		v.number, v.base = n.Mul(n, u.factor), u.base
	} else if truth, err := strconv.ParseBool(text); err == nil {
		v.truth = &truth
	}
	return v
}

// attribute reads a value of a device.
func (q quantities) attribute(a *api.DeviceAttribute) quantity {
	var number string
	switch {
	case a.String != nil:
		return quantity{text: *a.String}
	case a.Bool != nil:
		return quantity{text: strconv.FormatBool(*a.Bool), truth: a.Bool}
	case a.Int != nil:
		number = strconv.FormatInt(*a.Int, 10)
	case a.Float != nil:
		number = strconv.FormatFloat(*a.Float, 'f', -1, 64)
	}
	v := quantity{text: strings.TrimSpace(number + " " + a.Unit), number: parseNumber(number)}
	for _, known := range q.units {
		if v.number != nil && known.name == a.Unit {
			v.number, v.base = v.number.Mul(v.number, known.factor), known.base
		}
	}
	return v
}

// parseNumber reads a decimal number exactly; nil if it is none.
func parseNumber(s string) *big.Rat {
	const longest = 100 // digits
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || len(s) > longest || strings.ContainsAny(s, "xX_iInN") {
		return nil
	}
	if strings.ContainsAny(s, "eE") { // which can stand for any number of digits
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return n
}

// compare orders two values. They can't be compared if they are of different kinds, or
// of units that measure different things.
func (v quantity) compare(other quantity) (order int, ok bool) {
	switch isText, otherIsText := v.isText(), other.isText(); {
	case isText && (otherIsText || other.literal), otherIsText && v.literal:
		return strings.Compare(v.text, other.text), true
	case v.number != nil && other.number != nil:
		return v.number.Cmp(other.number), v.base == other.base
	case v.truth != nil && other.truth != nil:
		if *v.truth == *other.truth {
			return 0, true
		}
		return 1, true
	}
	return 0, false
}

func (v quantity) isText() bool { return v.number == nil && v.truth == nil }
