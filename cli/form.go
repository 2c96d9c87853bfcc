package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/template"

	"github.com/spf13/pflag"
)

// form is how a command prints what it found, for programs: as JSON, or through a
// template.
type form struct {
	json     bool
	template string
}

func (f *form) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.json, "json", false, "as JSON")
	fs.StringVarP(&f.template, "template", "t", "", "through a Go `template`, such as '{{.ID}}'")
}

// asked reports whether a form for programs was asked for.
func (f *form) asked() bool { return f.json || f.template != "" }

func (f *form) print(w io.Writer, v any) error {
	if f.template == "" {
		return printJSON(w, v)
	}
	t, err := template.New("-t").Option("missingkey=error").Parse(f.template)
	if err != nil {
		return fmt.Errorf("the template is wrong: %w", err)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("the template does not fit: %w\nThe fields are those of -json", err)
	}
	_, err = fmt.Fprintln(w)
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "    ")
	return enc.Encode(v)
}

// filterFlag adds -filter to the flags of a command that lists things.
func filterFlag(fs *pflag.FlagSet, filter *string, example string) {
	fs.StringVar(filter, "filter", "", "only those for which an `expression` holds, such as '"+example+"'")
}
