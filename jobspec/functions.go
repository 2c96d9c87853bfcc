package jobspec

import (
	"maps"
	"path/filepath"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// plainFunctions are those whose result is no larger than their arguments, and
// which work no longer than these are long.
var plainFunctions = evalFunctions{
	"abs":             stdlib.AbsoluteFunc,
	"can":             tryfunc.CanFunc,
	"ceil":            stdlib.CeilFunc,
	"chomp":           stdlib.ChompFunc,
	"chunklist":       stdlib.ChunklistFunc,
	"coalesce":        stdlib.CoalesceFunc,
	"coalescelist":    stdlib.CoalesceListFunc,
	"compact":         stdlib.CompactFunc,
	"concat":          stdlib.ConcatFunc,
	"contains":        stdlib.ContainsFunc,
	"convert":         typeexpr.ConvertFunc,
	"csvdecode":       stdlib.CSVDecodeFunc,
	"element":         stdlib.ElementFunc,
	"flatten":         stdlib.FlattenFunc,
	"floor":           stdlib.FloorFunc,
	"formatdate":      stdlib.FormatDateFunc,
	"index":           stdlib.IndexFunc,
	"jsonencode":      stdlib.JSONEncodeFunc,
	"keys":            stdlib.KeysFunc,
	"length":          stdlib.LengthFunc,
	"log":             stdlib.LogFunc,
	"lookup":          stdlib.LookupFunc,
	"lower":           stdlib.LowerFunc,
	"max":             stdlib.MaxFunc,
	"merge":           stdlib.MergeFunc,
	"min":             stdlib.MinFunc,
	"pow":             stdlib.PowFunc,
	"range":           stdlib.RangeFunc, // makes 1024 numbers at most
	"regex":           stdlib.RegexFunc,
	"regexall":        stdlib.RegexAllFunc,
	"reverse":         stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc,
	"setsubtract":     stdlib.SetSubtractFunc,
	"setunion":        stdlib.SetUnionFunc,
	"signum":          stdlib.SignumFunc,
	"slice":           stdlib.SliceFunc,
	"sort":            stdlib.SortFunc,
	"split":           stdlib.SplitFunc,
	"strlen":          stdlib.StrlenFunc,
	"strrev":          stdlib.ReverseFunc,
	"substr":          stdlib.SubstrFunc,
	"timeadd":         stdlib.TimeAddFunc,
	"title":           stdlib.TitleFunc,
	"tobool":          stdlib.MakeToFunc(cty.Bool),
	"tolist":          stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
	"tomap":           stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
	"tonumber":        stdlib.MakeToFunc(cty.Number),
	"toset":           stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	"tostring":        stdlib.MakeToFunc(cty.String),
	"trim":            stdlib.TrimFunc,
	"trimprefix":      stdlib.TrimPrefixFunc,
	"trimspace":       stdlib.TrimSpaceFunc,
	"trimsuffix":      stdlib.TrimSuffixFunc,
	"try":             tryfunc.TryFunc,
	"upper":           stdlib.UpperFunc,
	"values":          stdlib.ValuesFunc,
	"zipmap":          stdlib.ZipmapFunc,
}

// guardedFunctions may make much of little: they are paid for before they run.
func (d *decoder) guardedFunctions() evalFunctions {
	return evalFunctions{
		"distinct":      d.guarded(stdlib.DistinctFunc, squareWork),
		"format":        d.guarded(stdlib.FormatFunc, formatWork),
		"formatlist":    d.guarded(stdlib.FormatListFunc, formatWork),
		"indent":        d.guarded(stdlib.IndentFunc, indentWork),
		"join":          d.guarded(stdlib.JoinFunc, joinWork),
		"jsondecode":    d.guarded(stdlib.JSONDecodeFunc, nestingWork),
		"parseint":      d.guarded(stdlib.ParseIntFunc, squareTextWork),
		"regex_replace": d.guarded(stdlib.RegexReplaceFunc, replaceWork),
		"replace":       d.guarded(stdlib.ReplaceFunc, replaceWork),
		"setproduct":    d.guarded(stdlib.SetProductFunc, productWork),
	}
}

// functions returns what expressions can call.
func (d *decoder) functions(options ParseOptions) evalFunctions {
	all := maps.Clone(plainFunctions)
	maps.Copy(all, d.guardedFunctions())
	maps.Copy(all, encodingFunctions(d))
	maps.Copy(all, cidrFunctions)
	maps.Copy(all, fileFunctions(filepath.Dir(options.Path), options.AllowFS))
	return all
}

// textFunction makes a function of one string to another.
func textFunction(convert func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "text", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			text, err := convert(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(text), nil
		},
	})
}
