// Package script is the driver script, which docs/writing-a-driver.md builds: it runs
// the text of a script, set apart from the node.
package script

import (
	"context"
	"os/exec"

	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
)

// Name is the driver's name in jobspecs.
const Name = "script"

// New returns the driver.
func New(o isolated.Options) *isolated.Driver {
	return isolated.New(isolated.Kind{
		Name: Name, Command: command, Detect: detect,
	}, o)
}

// command says what to run: the interpreter, which is told the script by -c.
func command(b *block.Block) (string, []string) {
	interpreter := b.Text("interpreter")
	if interpreter == "" {
		interpreter = "/bin/sh"
	}
	return interpreter, []string{"-c", b.Required("text", "say what to run")}
}

// detect finds the default interpreter, and says which others there are.
func detect(context.Context) (map[string]string, error) {
	if _, err := exec.LookPath("/bin/sh"); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, name := range []string{"bash", "python3"} {
		if _, err := exec.LookPath(name); err == nil {
			found["driver.script."+name] = "true"
		}
	}
	return found, nil
}
