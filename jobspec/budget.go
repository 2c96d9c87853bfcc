package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxWork is how much all expressions of a text may do together. A unit is a
// visited node of an expression, an element of a value or 32 bytes of a string;
// a million of them take about a second and at most 32 MiB of text.
const maxWork = 1_000_000

// maxExponent is the binary exponent of the largest number. Written out as text a
// larger one would fill the memory.
const maxExponent = 4096

// tooMuchWork is panicked with by an evaluation that exceeds its budget, as
// nothing else stops a loop inside the HCL evaluator, and recovered by Parse.
type tooMuchWork struct {
	at     hcl.Range
	detail string
}

const (
	tooManyValues = "The expressions of this job make too many or too large values. Loops over loops and values that repeat values grow faster than it seems."
	tooLargeValue = "This is a number beyond all bounds."
)

func (w tooMuchWork) diagnostic() *hcl.Diagnostic {
	return problem(w.at, "Expression too expensive", w.detail)
}

// budget is the work that one Parse has left.
type budget struct {
	left int64
	at   hcl.Range // what is being evaluated
}

func newBudget() *budget { return &budget{left: maxWork} }

// spend takes n units.
func (b *budget) spend(n int64) {
	b.left -= n
	if b.left < 0 || n < 0 {
		panic(tooMuchWork{b.at, tooManyValues})
	}
}

// spendValue takes as many units as the value is large. Parts that it has more
// than once count each time: they would be written out each time.
func (b *budget) spendValue(v cty.Value) {
	b.spend(1)
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() {
		return
	}
	switch typ := v.Type(); {
	case typ == cty.String:
		b.spend(int64(len(v.AsString()) / 32))
	case typ == cty.Number:
		if !isBounded(v) {
			panic(tooMuchWork{b.at, tooLargeValue})
		}
	case v.CanIterateElements():
		if !typ.IsSetType() { // the length of a set may be unknown
			b.spend(int64(v.LengthInt())) // before they are copied for the loop
		}
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			b.spendValue(element)
		}
	}
}

// isBounded reports whether a number can be written out as text.
func isBounded(v cty.Value) bool {
	number := v.AsBigFloat()
	exponent := number.MantExp(nil)
	return !number.IsInf() && exponent <= maxExponent && exponent >= -maxExponent
}

// metered is an expression whose evaluation is paid for. A reference to something
// that only exists where a task runs, such as ${attr.kernel.name}, has its own
// text as value.
type metered struct {
	hclsyntax.Expression
	budget *budget
	source []byte
}

// Value implements hcl.Expression.
func (m *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	m.budget.at = m.Range()
	m.budget.spend(1)
	if reference, ok := m.Expression.(*hclsyntax.ScopeTraversalExpr); ok {
		if _, defined := lookUp(reference.Traversal.RootName(), ctx); !defined {
			return m.runtimeReference(reference)
		}
		if diagnostics := checkDeclared(reference, ctx); diagnostics.HasErrors() {
			return cty.DynamicVal, diagnostics
		}
	}
	value, diagnostics := m.Expression.Value(ctx)
	m.budget.at = m.Range()
	m.budget.spendValue(value)
	return value, diagnostics
}

// UnwrapExpression lets HCL see the syntax, where that matters and not the value.
func (m *metered) UnwrapExpression() hcl.Expression { return m.Expression }

func lookUp(name string, ctx *hcl.EvalContext) (cty.Value, bool) {
	for ; ctx != nil; ctx = ctx.Parent() {
		if value, ok := ctx.Variables[name]; ok {
			return value, true
		}
	}
	return cty.NilVal, false
}

// meter puts every expression of a body under the budget.
func meter(body *hclsyntax.Body, b *budget, source []byte) {
	m := meterer{b, source}
	for _, attribute := range body.Attributes {
		references := attribute.Expr.Variables() // HCL does not find them in metered parts
		attribute.Expr = &whole{m.wrap(attribute.Expr), references}
	}
	for _, block := range body.Blocks {
		meter(block.Body, b, source)
	}
}

// whole is the expression of an attribute, with what it refers to.
type whole struct {
	hclsyntax.Expression
	references []hcl.Traversal
}

// Variables implements hcl.Expression.
func (w *whole) Variables() []hcl.Traversal { return w.references }

// UnwrapExpression lets HCL see the syntax, where that matters and not the value.
func (w *whole) UnwrapExpression() hcl.Expression { return w.Expression }

type meterer struct {
	budget *budget
	source []byte
}

// wrap replaces the parts of an expression by metered ones, then itself.
func (m meterer) wrap(expression hclsyntax.Expression) hclsyntax.Expression {
	switch e := expression.(type) {
	case nil:
		return nil
	case *hclsyntax.LiteralValueExpr:
		if e.Val.Type() != cty.Number || e.Val.IsNull() || isBounded(e.Val) {
			return e // paid for by what it is a part of
		}
	case *hclsyntax.ParenthesesExpr:
		e.Expression = m.wrap(e.Expression)
	case *hclsyntax.BinaryOpExpr:
		e.LHS, e.RHS = m.wrap(e.LHS), m.wrap(e.RHS)
	case *hclsyntax.UnaryOpExpr:
		e.Val = m.wrap(e.Val)
	case *hclsyntax.ConditionalExpr:
		e.Condition, e.TrueResult, e.FalseResult = m.wrap(e.Condition), m.wrap(e.TrueResult), m.wrap(e.FalseResult)
	case *hclsyntax.IndexExpr:
		e.Collection, e.Key = m.wrap(e.Collection), m.wrap(e.Key)
	case *hclsyntax.SplatExpr:
		e.Source, e.Each = m.wrap(e.Source), m.wrap(e.Each)
	case *hclsyntax.RelativeTraversalExpr:
		e.Source = m.wrap(e.Source)
	case *hclsyntax.FunctionCallExpr:
		m.wrapAll(e.Args)
	case *hclsyntax.ForExpr:
		e.CollExpr, e.KeyExpr, e.ValExpr, e.CondExpr = m.wrap(e.CollExpr), m.wrap(e.KeyExpr), m.wrap(e.ValExpr), m.wrap(e.CondExpr)
	case *hclsyntax.TupleConsExpr:
		m.wrapAll(e.Exprs)
	case *hclsyntax.ObjectConsExpr:
		for i := range e.Items {
			item := &e.Items[i]
			item.KeyExpr, item.ValueExpr = m.wrap(item.KeyExpr), m.wrap(item.ValueExpr)
		}
	case *hclsyntax.ObjectConsKeyExpr:
		// A name as a key is not a reference, and HCL looks at it as it is written.
		if _, isName := e.Wrapped.(*hclsyntax.ScopeTraversalExpr); !isName {
			e.Wrapped = m.wrap(e.Wrapped)
		}
	case *hclsyntax.TemplateExpr:
		m.wrapAll(e.Parts)
	case *hclsyntax.TemplateWrapExpr:
		e.Wrapped = m.wrap(e.Wrapped)
	case *hclsyntax.TemplateJoinExpr:
		e.Tuple = m.wrap(e.Tuple)
	}
	return &metered{Expression: expression, budget: m.budget, source: m.source}
}

func (m meterer) wrapAll(expressions []hclsyntax.Expression) {
	for i := range expressions {
		expressions[i] = m.wrap(expressions[i])
	}
}
