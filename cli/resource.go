package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// definitions is the word for the definitions of kinds, as in files.
const definitions = "kind_definition"

func (c *cli) get() *cobra.Command {
	var as form
	var filter string
	cmd := c.verb("get KIND [NAME]", "Show objects of a kind of your own",
		`KIND is a kind that somebody defined with a kind_definition block, or kind_definition
itself. With NAME one object is shown, with its spec and its status. What -json prints
of one can be given to drover apply again.

Jobs and the other objects of drover have commands of their own, such as
drover job status.`, cobra.RangeArgs(1, 2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			q := client.Query{Filter: filter}
			switch {
			case args[0] == definitions && len(args) == 2:
				d, _, err := cl.Kinds.Get(ctx, args[1], q)
				return c.shown(err, &as, d, func() string { return definitionText(d) })
			case args[0] == definitions:
				list, _, err := cl.Kinds.List(ctx, q)
				return c.shown(err, &as, list, func() string { return definitionsText(list) })
			case len(args) == 2:
				r, _, err := cl.Resources.Get(ctx, api.Kind(args[0]), args[1], q)
				return c.shown(err, &as, r, func() string { return resourceText(r) })
			}
			list, _, err := cl.Resources.List(ctx, api.Kind(args[0]), q)
			return c.shown(unknownKind(err, args[0]), &as, list, func() string { return resourcesText(list) })
		})
	as.register(cmd.Flags())
	cmd.Flags().StringVar(&filter, "filter", "", "`expression` that objects must pass, such as 'Spec.keep == 7'")
	return cmd
}

// shown prints what was read, in the form that was asked for.
func (c *cli) shown(err error, as *form, v any, text func() string) error {
	if err != nil {
		return fmt.Errorf("Error reading: %w", err)
	}
	if as.asked() {
		return as.print(c.Out, v)
	}
	fmt.Fprint(c.Out, text())
	return nil
}

// unknownKind says what to do about a kind that is not there.
func unknownKind(err error, kind string) error {
	if !errors.Is(err, api.ErrNotFound) {
		return err
	}
	return fmt.Errorf("no kind %q is defined.\nSee: drover get %s", kind, definitions)
}

func definitionsText(list []*api.KindDefinition) string {
	if len(list) == 0 {
		return "No kinds are defined. A kind_definition block, applied, defines one.\n"
	}
	rows := [][]string{{"Name", "Scope", "Description"}}
	for _, d := range list {
		rows = append(rows, []string{d.Name, d.Scope, orNone(d.Description)})
	}
	return table(rows)
}

func definitionText(d *api.KindDefinition) string {
	return pairs("Name", d.Name, "Scope", d.Scope, "Description", orNone(d.Description),
		"Modify Index", fmt.Sprint(d.ModifyIndex)) + "\nSchema\n" + indented(d.Schema)
}

func resourcesText(list []*api.Resource) string {
	if len(list) == 0 {
		return "No objects found\n"
	}
	rows := [][]string{{"Name", "Namespace", "Modify Index", "Spec"}}
	for _, r := range list {
		rows = append(rows, []string{r.Name, orNone(r.Namespace), fmt.Sprint(r.ModifyIndex), oneLine(r.Spec)})
	}
	return table(rows)
}

func resourceText(r *api.Resource) string {
	text := pairs("Name", r.Name, "Kind", string(r.Kind), "Namespace", orNone(r.Namespace),
		"Create Index", fmt.Sprint(r.CreateIndex), "Modify Index", fmt.Sprint(r.ModifyIndex)) + "\nSpec\n" + indented(r.Spec)
	if r.Status != nil {
		text += "\nStatus\n" + indented(r.Status)
	}
	return text
}

// maxSpecCell is how much of a spec a list shows, in characters.
const maxSpecCell = 60

func oneLine(v api.Values) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if runes := []rune(string(b)); len(runes) > maxSpecCell {
		return string(runes[:maxSpecCell-1]) + "…"
	}
	return string(b)
}

func indented(v api.Values) string {
	var b strings.Builder
	if err := printJSON(&b, v); err != nil {
		return err.Error() + "\n"
	}
	return b.String()
}

func (c *cli) remove() *cobra.Command {
	return c.verb("delete KIND NAME", "Delete an object of a kind of your own",
		`Its status goes with it. KIND may be kind_definition: a kind goes when it has no objects.`, cobra.ExactArgs(2),
		func(ctx context.Context, cl *client.Client, args []string) error {
			var err error
			if args[0] == definitions {
				_, err = cl.Kinds.Delete(ctx, args[1])
			} else {
				_, err = cl.Resources.Delete(ctx, api.Kind(args[0]), args[1], client.Query{})
			}
			if err != nil {
				return fmt.Errorf("Error deleting: %w", err)
			}
			fmt.Fprintf(c.Out, "%s %q deleted\n", args[0], args[1])
			return nil
		})
}
