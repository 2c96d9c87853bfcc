package jobspec

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/droverhq/drover/api"
)

// ParseOptions says what to parse, and where what it refers to comes from.
type ParseOptions struct {
	// Path is the name of the file: it stands in messages, and file() and its kin
	// start from its folder. The file itself is not read: Body is. Default
	// "input.hcl".
	Path string
	// Body is the text: HCL2, or JSON if it starts with a brace.
	Body []byte

	// Values of variables, in rising precedence.
	Envs     []string // NAME=VALUE; DROVER_VAR_x and, failing that, NOMAD_VAR_x set the variable x
	VarText  string   // text in the form of a variable file
	VarFiles []string // files of HCL attributes or a JSON object; only with AllowFS
	Vars     []string // x=VALUE

	// AllowFS lets expressions read files. Never set it for text that came over the
	// network.
	AllowFS bool
	// Strict makes it an error to give a value to a variable that is not declared,
	// unless the value comes from Envs.
	Strict bool
}

// ParseError is everything that is wrong with a text, in the order of the text.
type ParseError struct {
	Diagnostics hcl.Diagnostics
}

// Error puts every problem on a line of its own:
// FILE:LINE,COLUMN-COLUMN: SUMMARY; DETAIL.
func (e *ParseError) Error() string {
	lines := make([]string, len(e.Diagnostics))
	for i, d := range e.Diagnostics {
		lines[i] = strings.ReplaceAll(d.Error(), "\n", " ")
	}
	return strings.Join(lines, "\n")
}

// Parse turns the text of a job into a job, as a spec: what the text does not say
// is not set (see Canonicalize). The warnings say what is accepted but should be
// written in another way.
//
// The error is a *ParseError that holds all that is wrong. However hostile the
// text, Parse ends soon and takes memory in proportion to MaxSourceBytes.
func Parse(options ParseOptions) (job *api.Job, warnings []string, err error) {
	if options.Path == "" {
		options.Path = "input.hcl"
	}
	defer func() {
		switch problem := recover().(type) {
		case nil:
		case tooMuchWork:
			job, warnings = nil, nil
			err = &ParseError{Diagnostics: hcl.Diagnostics{problem.diagnostic()}}
		default:
			panic(problem)
		}
	}()
	if diagnostics := checkSource(options.Path, options.Body); diagnostics.HasErrors() {
		return nil, nil, &ParseError{Diagnostics: diagnostics}
	}
	if isJSON(options.Body) {
		job, err = parseJSON(options.Path, options.Body)
		return job, nil, err
	}
	return parseHCL(options)
}

func parseHCL(options ParseOptions) (*api.Job, []string, error) {
	if diagnostics := checkTokens(options.Path, options.Body); diagnostics.HasErrors() {
		return nil, nil, newParseError(diagnostics)
	}
	file, diagnostics := hclsyntax.ParseConfig(options.Body, options.Path, hcl.InitialPos)
	if diagnostics.HasErrors() {
		return nil, nil, newParseError(diagnostics)
	}
	d := &decoder{budget: newBudget(), source: options.Body}
	root, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil, nil, fmt.Errorf("parse %s: the HCL parser returned a %T", options.Path, file.Body)
	}
	meter(root, d.budget, d.source)
	spec := d.root(root, options)
	if d.diagnostics.HasErrors() {
		return nil, nil, newParseError(d.diagnostics)
	}
	normalize(spec)
	return spec.job, d.warnings, nil
}

// rootSchema is what may stand outside of the job.
var rootSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "job", LabelNames: []string{"name"}},
	{Type: "variable", LabelNames: []string{"name"}},
	{Type: "variables"},
	{Type: "locals"},
}}

// jobFile is a job and what its text says beside it.
type jobFile struct {
	job   *api.Job
	name  string // label of the job
	vault *api.Vault
	tasks []*api.Task // outside of any group
}

func (d *decoder) root(body *hclsyntax.Body, options ParseOptions) *jobFile {
	content, diagnostics := body.Content(rootSchema)
	d.add(diagnostics)
	functions := d.functions(options)
	variables := d.variables(content.Blocks, functions, options)
	locals := d.locals(content.Blocks, functions, variables)
	ctx := &hcl.EvalContext{
		Functions: functions,
		Variables: map[string]cty.Value{"var": variables, "local": locals},
	}
	var spec *jobFile
	var first hcl.Range
	for _, block := range content.Blocks.OfType("job") {
		if spec != nil {
			d.errorf(block.DefRange, "Duplicate job block", "Only one job is allowed in a file. Another was defined at %s.", first)
			continue
		}
		first = block.DefRange
		spec = d.job(block, ctx)
	}
	if spec == nil {
		d.errorf(body.MissingItemRange(), "Missing job block", `A file holds one job: job "name" { … }.`)
	}
	return spec
}

// evalFunctions is what expressions can call.
type evalFunctions = map[string]function.Function

// isJSON reports whether the text is JSON: no HCL2 file starts with a brace.
func isJSON(body []byte) bool {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{'
}

// maxDiagnostics bounds a report: who made more mistakes mends these first.
const maxDiagnostics = 100

func newParseError(diagnostics hcl.Diagnostics) *ParseError {
	var errs hcl.Diagnostics
	for _, diagnostic := range diagnostics {
		if diagnostic.Severity == hcl.DiagError {
			errs = append(errs, diagnostic)
		}
	}
	sortDiagnostics(errs)
	if len(errs) > maxDiagnostics {
		last := *errs[maxDiagnostics-1]
		last.Detail += fmt.Sprintf(" (and %d more errors)", len(errs)-maxDiagnostics)
		errs = append(errs[:maxDiagnostics-1:maxDiagnostics-1], &last)
	}
	return &ParseError{Diagnostics: errs}
}
