package scenario

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/datadriven"

	"github.com/droverhq/drover/reconcile/reconciletest"
)

// Run runs every script in a folder, each on a cluster of its own. preview, which may
// be nil, answers the command plan.
func Run(t *testing.T, folder string, register reconciletest.Register, preview Preview) {
	t.Helper()
	datadriven.Walk(t, folder, func(t *testing.T, path string) {
		// A bubble can't hold the subtests in which directives are run, so they are
		// read, run, and then compared.
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var directives []datadriven.TestData
		datadriven.RunTestFromString(t, string(text), func(_ *testing.T, d *datadriven.TestData) string {
			directives = append(directives, *d)
			return d.Expected
		})
		var outputs []string
		synctest.Test(t, func(t *testing.T) {
			c := New(t, register)
			c.preview = preview
			for _, d := range directives {
				outputs = append(outputs, c.directive(d))
			}
		})
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if len(outputs) == 0 {
				t.Fatalf("%s: the cluster ended before this", d.Pos)
			}
			out := outputs[0]
			outputs = outputs[1:]
			return out
		})
	})
}

// directive runs a directive and tells what came of it.
func (c *Cluster) directive(d datadriven.TestData) string {
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
	}
	c.Settle()
	out.WriteString(c.Story())
	return out.String()
}
