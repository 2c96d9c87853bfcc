package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

func (c *cli) variable() *cobra.Command {
	return noun("var", "Keep secrets and settings for jobs",
		c.variableInit(), c.variablePut(), c.variableGet(), c.variableList(), c.variablePurge())
}

// cleanPath is the path of a variable as it was meant.
func cleanPath(arg string) string { return strings.Trim(strings.TrimSpace(arg), "/") }

func (c *cli) variableGet() *cobra.Command {
	var item string
	form := newVariableForm(asTable, asJSON, asHCL, asTemplate)
	cmd := c.verb("get PATH", "Show a variable",
		"On a terminal it is shown as a table, elsewhere as JSON, unless -out says something else.", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := form.check(); err != nil {
				return err
			}
			v, _, err := cl.Variables.Get(ctx, cleanPath(args[0]), client.Query{})
			if errors.Is(err, api.ErrNotFound) {
				return failf(1, "Variable not found")
			}
			if err != nil {
				return fmt.Errorf("Error retrieving variable: %w", err)
			}
			if item == "" {
				return form.print(c.Out, v)
			}
			value, ok := v.Items[item]
			if !ok {
				return failf(1, "Variable does not contain %q item", item)
			}
			fmt.Fprintln(c.Out, value)
			return nil
		})
	cmd.Flags().StringVar(&item, "item", "", "print the value of one `item` only")
	form.register(cmd.Flags(), c.Terminal, asTable)
	return cmd
}

func (c *cli) variableList() *cobra.Command {
	var perPage int
	var token, filter string
	form := listForm{}
	cmd := c.verb("list [PREFIX]", "List variables",
		"Those whose paths begin with PREFIX, without their items. On a terminal they are shown as a\ntable, elsewhere as JSON, unless -out says something else.", cobra.MaximumNArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			if err := form.check(); err != nil {
				return err
			}
			q := client.Query{PerPage: perPage, NextToken: token, Filter: filter}
			if len(args) > 0 {
				q.Prefix = strings.TrimLeft(strings.TrimSpace(args[0]), "/")
			}
			found, meta, err := cl.Variables.List(ctx, q)
			if err != nil {
				return fmt.Errorf("Error retrieving vars: %w", err)
			}
			if err := form.print(c.Out, found); err != nil {
				return err
			}
			if meta.NextToken != "" {
				fmt.Fprintf(c.Err, "Next page token: %s\n", meta.NextToken)
			}
			return nil
		})
	f := cmd.Flags()
	f.IntVar(&perPage, "per-page", 0, "how `many` to show")
	f.StringVar(&token, "page-token", "", "show what comes behind the page that ended with a `token`")
	filterFlag(f, &filter, `Path matches "^app/"`)
	form.register(f, c.Terminal)
	return cmd
}

func (c *cli) variablePurge() *cobra.Command {
	var index string
	cmd := c.verb("purge PATH", "Delete a variable for good", "", cobra.ExactArgs(1),
		func(ctx context.Context, cl *client.Client, args []string) error {
			cas, err := checkIndex(index)
			if err != nil {
				return err
			}
			path := cleanPath(args[0])
			if err := cl.Variables.Delete(ctx, path, cas, client.Query{}); err != nil {
				return explainConflict("purging", err)
			}
			fmt.Fprintf(c.Out, "Successfully purged variable %q!\n", path)
			return nil
		})
	cmd.Flags().StringVar(&index, "check-index", "", "only if it was last written at this `index`")
	return cmd
}

// checkIndex reads -check-index; nil if it is not given.
func checkIndex(given string) (*uint64, error) {
	if given == "" {
		return nil, nil
	}
	index, err := strconv.ParseUint(given, 10, 64)
	if err != nil {
		return nil, failf(1, "Error parsing check-index value %q: it is not a whole number", given)
	}
	return &index, nil
}

// explainConflict says what can be done about a write that came too late.
func explainConflict(doing string, err error) error {
	var conflict *client.VariableConflict
	switch {
	case !errors.As(err, &conflict):
		return fmt.Errorf("Error %s variable: %w", doing, err)
	case conflict.Is.ModifyIndex == 0:
		return failf(1, "Check-and-Set conflict\n\nThe check-index is %d, but there is no variable %q. With -check-index=0 it must be new.",
			conflict.Expected, conflict.Is.Path)
	case conflict.Expected == 0:
		return failf(1, "Check-and-Set conflict\n\nThere is a variable %q already, last written at %s with index %d. To replace its items,\nadd -check-index=%[3]d, or -force to replace whatever is there.",
			conflict.Is.Path, stamp(conflict.Is.ModifyTime), conflict.Is.ModifyIndex)
	}
	return failf(1, "Check-and-Set conflict\n\nThe check-index is %d, but variable %q was last written at %s with index %d. Look at it,\nand try again with -check-index=%[4]d.",
		conflict.Expected, conflict.Is.Path, stamp(conflict.Is.ModifyTime), conflict.Is.ModifyIndex)
}
