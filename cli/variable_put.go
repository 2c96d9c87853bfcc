package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) variablePut() *cobra.Command {
	var index string
	var force, verbose bool
	p := variablePut{cli: c}
	form := newVariableForm(asNothing, asHCL, asJSON, asTemplate, asTable)
	cmd := c.verb("put PATH|SPEC [SPEC] [KEY=VALUE ...]", "Make a variable, or replace its items",
		`SPEC is @FILE, in HCL or JSON by its name, or - for standard input, in the form that -in names;
drover var init writes an example. KEY=@FILE takes a value from a file, KEY=- from standard
input, KEY=\@… a value that begins with @; KEY= leaves an item of SPEC out.

A variable that is there already is replaced only with -check-index, -force, or if SPEC has the
index at which it was written, as var get shows it:

  drover var put nomad/jobs/web password=hunter2
  drover var get -out json app/db | drover var put - user=dba`, cobra.MinimumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := form.check(); err != nil {
				return err
			}
			v, err := p.variable(args)
			if err != nil {
				return err
			}
			cas, err := checkIndex(index)
			switch {
			case err != nil:
				return err
			case force:
				cas = nil
			case cas == nil:
				cas = &v.ModifyIndex
			}
			out, err := cl.Variables.Put(ctx, v, cas)
			if err != nil {
				return explainConflict("creating", err)
			}
			done := fmt.Sprintf("Created variable %q with modify index %d", out.Path, out.ModifyIndex)
			if form.out == asNothing {
				fmt.Fprintln(c.Out, done)
			} else if verbose {
				fmt.Fprintln(c.Err, done)
			}
			return form.print(c.Out, out)
		})
	f := cmd.Flags()
	f.StringVar(&index, "check-index", "", "only if it was last written at this `index`; 0: if it is new")
	f.BoolVar(&force, "force", false, "replace whatever is there")
	f.StringVar(&p.in, "in", "json", "`form` of SPEC from standard input: hcl or json")
	f.BoolVar(&verbose, "verbose", false, "say on standard error what was done")
	form.register(f, c.Terminal, asNothing)
	return cmd
}

// variablePut makes a variable of the arguments of a command.
type variablePut struct {
	*cli
	in       string // the form of a spec from standard input
	consumed bool   // standard input has been
}

func isSpec(arg string) bool { return arg == "-" || strings.HasPrefix(arg, "@") }

// variable is what the arguments say: [PATH] [SPEC] [KEY=VALUE …].
func (p *variablePut) variable(args []string) (*api.Variable, error) {
	if p.in != asHCL && p.in != asJSON {
		return nil, failf(1, "Invalid value for \"-in\"; valid values are [hcl, json]")
	}
	path := ""
	if !isSpec(args[0]) {
		path, args = cleanPath(args[0]), args[1:]
		if len(args) == 0 {
			return nil, failf(1, "Must supply data: a spec, or items as KEY=VALUE")
		}
	}
	v := &api.Variable{}
	if len(args) > 0 && isSpec(args[0]) {
		var err error
		if v, err = p.spec(args[0]); err != nil {
			return nil, err
		}
		args = args[1:]
	}
	// What goes elsewhere than the spec says is not what the spec knows the index of.
	if namespace := p.conn.namespace; namespace != "" && namespace != v.Namespace {
		v.Namespace, v.ModifyIndex = namespace, 0
	}
	if path != "" && path != v.Path {
		v.Path, v.ModifyIndex = path, 0
	}
	if v.Namespace == "*" {
		return nil, failf(1, "A variable is in one namespace: name it with -namespace")
	}
	if v.Items == nil {
		v.Items = map[string]string{}
	}
	for _, arg := range args {
		if err := p.item(v.Items, arg); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// item adds what KEY=VALUE says.
func (p *variablePut) item(items map[string]string, arg string) error {
	name, value, ok := strings.Cut(arg, "=")
	if !ok || name == "" {
		return failf(1, "%q is not KEY=VALUE", arg)
	}
	switch {
	case value == "-":
		b, err := p.stdin()
		if err != nil {
			return err
		}
		value = string(b)
	case strings.HasPrefix(value, "@"):
		b, err := os.ReadFile(value[1:])
		if err != nil {
			return fmt.Errorf("Error reading the value of %s: %w", name, err)
		}
		value = string(b)
	case strings.HasPrefix(value, `\@`):
		value = value[1:]
	}
	if value == "" {
		delete(items, name)
		return nil
	}
	items[name] = value
	return nil
}

func (p *variablePut) stdin() ([]byte, error) {
	if p.consumed {
		return nil, failf(1, "Standard input can be read once only, and - stands for it twice")
	}
	p.consumed = true
	b, err := io.ReadAll(p.In)
	if err != nil {
		return nil, fmt.Errorf("Error reading from stdin: %w", err)
	}
	return b, nil
}
