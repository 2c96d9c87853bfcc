package jobspec

import (
	"math"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// workOf says how much a call will take, in units of the budget.
type workOf func(args []cty.Value) int64

// guarded is a function whose calls are paid for before they are made.
func (d *decoder) guarded(inner function.Function, work workOf) function.Function {
	return function.New(&function.Spec{
		Params:   inner.Params(),
		VarParam: inner.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			d.budget.spend(work(args))
			return inner.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return inner.Call(args)
		},
	})
}

// bytesPerUnit is how much text a unit of the budget pays for.
const bytesPerUnit = 32

func textOf(v cty.Value) string {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

func lengthOf(v cty.Value) int64 {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsWhollyKnown() || !v.CanIterateElements() {
		return 0
	}
	return int64(v.LengthInt())
}

// product multiplies without overflow; what is too much anyway stays so.
func product(factors ...int64) int64 {
	result := int64(1)
	for _, factor := range factors {
		if factor != 0 && result > math.MaxInt64/factor {
			return math.MaxInt64
		}
		result *= factor
	}
	return result
}

// squareWork is for functions that compare all elements with all.
func squareWork(args []cty.Value) int64 { return product(lengthOf(args[0]), lengthOf(args[0])) / 8 }

// squareTextWork is for functions that read a number digit by digit.
func squareTextWork(args []cty.Value) int64 {
	n := int64(len(textOf(args[0])))
	return product(n, n) / 1024
}

// productWork is for functions that combine all elements of all arguments.
func productWork(args []cty.Value) int64 {
	total := int64(len(args))
	for _, arg := range args {
		total = product(total, lengthOf(arg))
	}
	return total
}

// replaceWork is for functions that may put their third argument at every place of
// the first.
func replaceWork(args []cty.Value) int64 {
	return product(int64(len(textOf(args[0]))+1), int64(len(textOf(args[2]))+1)) / bytesPerUnit
}

// joinWork is for functions that put their first argument between all others.
func joinWork(args []cty.Value) int64 {
	var elements int64
	for _, arg := range args[1:] {
		elements += lengthOf(arg)
	}
	return product(int64(len(textOf(args[0]))), elements) / bytesPerUnit
}

// indentWork: the first argument is how many spaces each line of the second gets.
func indentWork(args []cty.Value) int64 {
	if args[0].IsNull() || !args[0].IsKnown() {
		return 0
	}
	spaces, _ := args[0].AsBigFloat().Int64()
	if spaces <= 0 {
		return 0
	}
	return product(spaces, int64(strings.Count(textOf(args[1]), "\n")+1)) / bytesPerUnit
}

// formatWork: a format may ask for any width in a few digits.
func formatWork(args []cty.Value) int64 {
	format := textOf(args[0])
	if strings.ContainsRune(format, '*') {
		return math.MaxInt64 // a width that is an argument
	}
	var widths, width int64
	for _, c := range format {
		if c >= '0' && c <= '9' {
			width = min(width*10+int64(c-'0'), math.MaxInt32)
			continue
		}
		widths += width
		width = 0
	}
	times := int64(1)
	for _, arg := range args[1:] {
		times = max(times, lengthOf(arg))
	}
	return product(widths+int64(len(format)), times) / bytesPerUnit
}

// nestingWork refuses text that is nested too deeply.
func nestingWork(args []cty.Value) int64 {
	if checkJSONNesting([]byte(textOf(args[0]))) != nil {
		return math.MaxInt64
	}
	return 0
}
