package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format lays out HCL text in the usual way: two spaces for each level, equals
// signs of neighbouring lines below each other. Comments and everything else stay.
// Text that does not parse is refused with a *ParseError. The path is for messages.
func Format(path string, body []byte) ([]byte, error) {
	diagnostics := checkSource(path, body)
	if !diagnostics.HasErrors() {
		diagnostics = checkTokens(path, body)
	}
	if !diagnostics.HasErrors() {
		_, diagnostics = hclsyntax.ParseConfig(body, path, hcl.InitialPos)
	}
	if diagnostics.HasErrors() {
		return nil, newParseError(diagnostics)
	}
	return hclwrite.Format(body), nil
}
