package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/pflag"
	"github.com/zclconf/go-cty/cty"

	"github.com/droverhq/drover/api"
)

// Forms in which variables are shown.
const (
	asTable    = "table"
	asJSON     = "json"
	asHCL      = "hcl"
	asTemplate = "go-template"
	asNothing  = "none"
	asTerse    = "terse"
)

// outForm is -out and -template.
type outForm struct {
	out, template string
	may           []string
}

// check says what is wrong with the flags.
func (f *outForm) check() error {
	switch {
	case !slices.Contains(f.may, f.out):
		return failf(1, "Invalid value for \"-out\"; valid values are [%s]", strings.Join(f.may, ", "))
	case f.out == asTemplate && f.template == "":
		return failf(1, `A template must be supplied using '-template' when using go-template formatting`)
	case f.out != asTemplate && f.template != "":
		return failf(1, `The '-template' flag is only valid when using go-template formatting`)
	}
	return nil
}

// register adds the flags. On a terminal another form is the default than elsewhere.
func (f *outForm) register(fs *pflag.FlagSet, terminal bool, onTerminal string) {
	if !terminal {
		onTerminal = asJSON
	}
	fs.StringVar(&f.out, "out", onTerminal, "`form` to show it in: "+strings.Join(f.may, ", "))
	fs.StringVar(&f.template, "template", "", "Go `template` for -out go-template, such as '{{.Path}}'")
}

func (f *outForm) throughTemplate(w io.Writer, v any) error {
	return (&form{template: f.template}).print(w, v)
}

// variableForm is how a variable is shown.
type variableForm struct{ outForm }

func newVariableForm(may ...string) variableForm { return variableForm{outForm{may: may}} }

func (f *variableForm) print(w io.Writer, v *api.Variable) error {
	switch f.out {
	case asNothing:
		return nil
	case asTemplate:
		return f.throughTemplate(w, v)
	case asJSON:
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, string(text))
		return err
	case asHCL:
		_, err := w.Write(variableHCL(v))
		return err
	}
	_, err := io.WriteString(w, variableTable(v))
	return err
}

func variableTable(v *api.Variable) string {
	facts := []string{"Namespace", v.Namespace, "Path", v.Path, "Create Time", stamp(v.CreateTime)}
	if v.ModifyTime != v.CreateTime {
		facts = append(facts, "Modify Time", stamp(v.ModifyTime))
	}
	facts = append(facts, "Check Index", fmt.Sprint(v.ModifyIndex))
	return pairs(facts...) + "\nItems\n" + metaPairs(v.Items)
}

// variableHCL is a variable as var put reads it.
func variableHCL(v *api.Variable) []byte {
	quoted := func(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }
	var b bytes.Buffer
	fmt.Fprintf(&b, "namespace = %s\npath = %s\ncreate_index = %d # set by the server\n", quoted(v.Namespace), quoted(v.Path), v.CreateIndex)
	fmt.Fprintf(&b, "modify_index = %d # set by the server; what -check-index compares with\n", v.ModifyIndex)
	fmt.Fprintf(&b, "create_time = %d # set by the server\nmodify_time = %d # set by the server\n\nitems = {\n", v.CreateTime, v.ModifyTime)
	for _, name := range slices.Sorted(maps.Keys(v.Items)) {
		fmt.Fprintf(&b, "%s = %s\n", quoted(name), quoted(v.Items[name]))
	}
	b.WriteString("}\n")
	return hclwrite.Format(b.Bytes())
}

// listForm is how a list of variables is shown.
type listForm struct{ outForm }

func (f *listForm) register(fs *pflag.FlagSet, terminal bool) {
	f.may = []string{asTemplate, asJSON, asTable, asTerse}
	f.outForm.register(fs, terminal, asTable)
}

func (f *listForm) print(w io.Writer, found []*api.VariableMetadata) error {
	switch f.out {
	case asJSON:
		return printJSON(w, found)
	case asTemplate:
		return f.throughTemplate(w, found)
	case asTerse:
		for _, v := range found {
			fmt.Fprintln(w, v.Path)
		}
		return nil
	}
	if len(found) == 0 {
		fmt.Fprintln(w, "No variables found")
		return nil
	}
	rows := [][]string{{"Namespace", "Path", "Last Updated"}}
	for _, v := range found {
		rows = append(rows, []string{v.Namespace, v.Path, stamp(v.ModifyTime)})
	}
	_, err := io.WriteString(w, table(rows))
	return err
}
