package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// connectionGroup marks flags that say which server is asked, and how: they are the
// same for every command and are shown below its own.
const connectionGroup = "connection"

// usage is what -h prints below the explanation of a command.
func usage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n", useLine(cmd))
	if subs := shownCommands(cmd); len(subs) > 0 {
		b.WriteString("\nCommands:\n" + columns(subs))
		fmt.Fprintf(&b, "\nMore about one of them: %s COMMAND -h\n", cmd.CommandPath())
		return b.String()
	}
	own, shared := flagRows(cmd.Flags())
	if len(own) > 0 {
		b.WriteString("\nFlags:\n" + columns(own))
	}
	if len(shared) > 0 {
		b.WriteString("\nServer and output:\n" + columns(shared))
	}
	return b.String()
}

// useLine is how a command is written: its name, FLAGS, then arguments.
func useLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND"
	}
	name, args, _ := strings.Cut(cmd.Use, " ")
	line := strings.TrimSuffix(cmd.CommandPath(), name) + name + " [FLAGS]"
	if args != "" {
		line += " " + args
	}
	return line
}

func shownCommands(cmd *cobra.Command) [][2]string {
	var rows [][2]string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			rows = append(rows, [2]string{sub.Name(), sub.Short})
		}
	}
	return rows
}

// flagRows are a command's own flags and those that all share, written with the one
// dash that users of long flags know.
func flagRows(fs *pflag.FlagSet) (own, shared [][2]string) {
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		name := "-" + f.Name
		if f.Shorthand != "" && f.Shorthand != f.Name {
			name = "-" + f.Shorthand + ", " + name
		}
		if f.NoOptDefVal == "" {
			name += " " + strings.ToUpper(value)
		}
		if f.Value.Type() == "bool" && f.DefValue == "true" {
			text += "; on unless -" + f.Name + "=false"
		}
		row := [2]string{name, text}
		if _, ok := f.Annotations[connectionGroup]; ok {
			shared = append(shared, row)
			return
		}
		own = append(own, row)
	})
	return own, shared
}

// columns lays out names and what they mean.
func columns(rows [][2]string) string {
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, r[0], r[1])
	}
	return b.String()
}

// help is the whole of what -h prints.
func help(cmd *cobra.Command) string {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	return strings.TrimSpace(text) + "\n\n" + usage(cmd)
}

func flagError(cmd *cobra.Command, err error) error {
	return failf(1, "%s\n\n%s", strings.Replace(err.Error(), "unknown flag: --", "unknown flag: -", 1), strings.TrimRight(usage(cmd), "\n"))
}
