package jobspec

import (
	"fmt"
	"sort"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What a text may be at most, before anything is made of it. They are far above
// what people write, and low enough that a parser that recurses can't be made to
// take the program down.
const (
	MaxSourceBytes = 1<<20 - 1 // of one file
	maxNesting     = 100       // brackets, templates and blocks inside each other
	maxOperators   = 1000      // operators and accesses in one expression, at one level
	maxNameBytes   = 256       // of one identifier
	maxNumberBytes = 100       // of one number
)

// checkSource checks the text as bytes.
func checkSource(path string, body []byte) hcl.Diagnostics {
	switch {
	case len(body) > MaxSourceBytes:
		return hcl.Diagnostics{problem(startOf(path), "Text too large",
			fmt.Sprintf("A job may have %d bytes; this has %d.", MaxSourceBytes, len(body)))}
	case !utf8.Valid(body):
		return hcl.Diagnostics{problem(startOf(path), "Text is not UTF-8", "A job is text in the UTF-8 encoding.")}
	}
	return nil
}

// checkTokens refuses what would make the parser recurse too deeply or work too
// long. It looks at tokens only, which are made without recursion.
func checkTokens(path string, body []byte) hcl.Diagnostics {
	tokens, diagnostics := hclsyntax.LexConfig(body, path, hcl.InitialPos)
	if diagnostics.HasErrors() {
		return diagnostics
	}
	// operators[i] counts what chains expressions at nesting level i.
	operators := make([]int, 1, maxNesting+1)
	directives := 0 // %{if} and %{for} that are open
	for i, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			operators[len(operators)-1]++
			operators = append(operators, 0)
			directives += directiveStep(token, tokens[i+1:])
			if len(operators) > maxNesting || directives > maxNesting {
				return hcl.Diagnostics{problem(token.Range, "Too deeply nested",
					fmt.Sprintf("Brackets, blocks and templates may be nested %d deep.", maxNesting))}
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			if len(operators) > 1 {
				operators = operators[:len(operators)-1]
			}
		case hclsyntax.TokenComma, hclsyntax.TokenNewline:
			operators[len(operators)-1] = 0
		case hclsyntax.TokenIdent:
			if len(token.Bytes) > maxNameBytes {
				return hcl.Diagnostics{problem(token.Range, "Name too long", fmt.Sprintf("A name may have %d bytes.", maxNameBytes))}
			}
		case hclsyntax.TokenNumberLit:
			if len(token.Bytes) > maxNumberBytes {
				return hcl.Diagnostics{problem(token.Range, "Number too long", fmt.Sprintf("A number may have %d digits.", maxNumberBytes))}
			}
		case hclsyntax.TokenOQuote, hclsyntax.TokenCQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenCHeredoc, hclsyntax.TokenComment, hclsyntax.TokenEqual:
		default:
			operators[len(operators)-1]++
		}
		if operators[len(operators)-1] > maxOperators {
			return hcl.Diagnostics{problem(token.Range, "Expression too long",
				fmt.Sprintf("An expression may have %d operators at one level.", maxOperators))}
		}
	}
	return nil
}

// directiveStep says whether a template directive opens (1) or closes (-1) a part
// of the template.
func directiveStep(token hclsyntax.Token, rest hclsyntax.Tokens) int {
	if token.Type != hclsyntax.TokenTemplateControl || len(rest) == 0 {
		return 0
	}
	switch string(rest[0].Bytes) {
	case "if", "for":
		return 1
	case "endif", "endfor":
		return -1
	}
	return 0
}

func startOf(path string) hcl.Range {
	return hcl.Range{Filename: path, Start: hcl.InitialPos, End: hcl.InitialPos}
}

func problem(subject hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &subject}
}

// sortDiagnostics puts problems in the order of the text, file by file in the
// order in which the files came up.
func sortDiagnostics(diagnostics hcl.Diagnostics) {
	order := map[string]int{}
	for _, d := range diagnostics {
		if d.Subject == nil {
			continue
		}
		if _, known := order[d.Subject.Filename]; !known {
			order[d.Subject.Filename] = len(order)
		}
	}
	sort.SliceStable(diagnostics, func(i, j int) bool {
		a, b := diagnostics[i].Subject, diagnostics[j].Subject
		if a == nil || b == nil {
			return a == nil && b != nil
		}
		if a.Filename != b.Filename {
			return order[a.Filename] < order[b.Filename]
		}
		return a.Start.Byte < b.Start.Byte
	})
}
