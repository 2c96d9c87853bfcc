package jobspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/droverhq/drover/api"
)

// parseJSON reads a job in the form of the HTTP API, alone or as the member "Job".
// Members that are not known are ignored, as there.
func parseJSON(path string, body []byte) (*api.Job, error) {
	if err := checkJSONNesting(body); err != nil {
		return nil, &ParseError{Diagnostics: hcl.Diagnostics{problem(startOf(path), "Too deeply nested", err.Error())}}
	}
	var wrapped struct{ Job *api.Job }
	if err := json.Unmarshal(body, &wrapped); err != nil {
		return nil, jsonError(path, body, err)
	}
	job := wrapped.Job
	if job == nil {
		job = new(api.Job)
		if err := json.Unmarshal(body, job); err != nil {
			return nil, jsonError(path, body, err)
		}
	}
	if job.ID == nil {
		return nil, &ParseError{Diagnostics: hcl.Diagnostics{problem(startOf(path), "Not a job",
			`A job in JSON has an "ID" and "TaskGroups", or is the member "Job" of an object, as the API and job inspect write it.`)}}
	}
	return job, nil
}

// jsonError says where in the text the decoder stopped.
func jsonError(path string, body []byte, err error) error {
	var offset int64
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	message := err.Error()
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &typ):
		offset = typ.Offset
		message = fmt.Sprintf("%s must be of type %s, not %s", typ.Field, typ.Type, typ.Value)
	}
	before := body[:min(max(offset-1, 0), int64(len(body)))]
	at := hcl.Pos{
		Line:   1 + bytes.Count(before, []byte("\n")),
		Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Byte:   len(before),
	}
	return &ParseError{Diagnostics: hcl.Diagnostics{problem(hcl.Range{Filename: path, Start: at, End: at}, "Invalid JSON", message)}}
}

// checkJSONNesting refuses what would make a decoder recurse too deeply.
func checkJSONNesting(body []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return fmt.Errorf("objects and arrays may be nested %d deep", maxNesting)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
