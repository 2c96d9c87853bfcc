package scenario

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/droverhq/drover/reconcile/reconciletest"
)

// Run runs every script in a folder, each on a cluster of its own. preview, which may
// be nil, answers the command plan.
func Run(t *testing.T, folder string, register reconciletest.Register, preview Preview) {
	t.Helper()
	reconciletest.RunDirectives(t, folder, func(t *testing.T) func(datadriven.TestData) string {
		c := New(t, register)
		c.preview = preview
		return c.Directive
	})
}

// Directive runs a directive and tells what came of it.
func (c *Cluster) Directive(d datadriven.TestData) string {
	args := []string{d.Cmd}
	for _, a := range d.CmdArgs {
		args = append(args, a.String())
	}
	var out strings.Builder
	lines := append([]string{strings.Join(args, " ")}, strings.Split(d.Input, "\n")...)
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		said, err := c.Do(line)
		if err != nil {
			out.WriteString("error: " + err.Error() + "\n")
		}
		out.WriteString(said)
		c.Settle() // who is faster must not matter
	}
	out.WriteString(c.Story())
	return out.String()
}
