package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsimple"
	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// variableHead is a variable as it is written in HCL, but its items.
type variableHead struct {
	Namespace   string `hcl:"namespace,optional"`
	Path        string `hcl:"path,optional"`
	CreateIndex uint64 `hcl:"create_index,optional"`
	ModifyIndex uint64 `hcl:"modify_index,optional"`
	CreateTime  int64  `hcl:"create_time,optional"`
	ModifyTime  int64  `hcl:"modify_time,optional"`

	Rest hcl.Body `hcl:",remain"`
}

// spec reads a variable from @FILE or from - standard input.
func (p *variablePut) spec(arg string) (*api.Variable, error) {
	if arg == "-" {
		b, err := p.stdin()
		if err != nil {
			return nil, err
		}
		return parseVariable("stdin."+p.in, b)
	}
	path := arg[1:]
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Error reading variable specification: %w", err)
	}
	switch filepath.Ext(path) {
	case ".json", ".hcl":
		return parseVariable(path, b)
	}
	return parseVariable(path+"."+p.in, b)
}

// parseVariable reads a variable in the form that the end of a name says. Items in HCL are
// an attribute or a block.
func parseVariable(name string, b []byte) (*api.Variable, error) {
	if filepath.Ext(name) == ".json" {
		v := new(api.Variable)
		if err := json.Unmarshal(b, v); err != nil {
			//lint:ignore ST1005 shown as it is
			return nil, fmt.Errorf("Failed to parse variable data: %w", err)
		}
		return v, nil
	}
	var h variableHead
	if err := hclsimple.Decode(name, b, nil, &h); err != nil {
		//lint:ignore ST1005 shown as it is
		return nil, fmt.Errorf("Failed to parse variable data: %w", err)
	}
	items, err := itemsOf(h.Rest)
	if err != nil {
		//lint:ignore ST1005 shown as it is
		return nil, fmt.Errorf("Failed to parse variable data: %w", err)
	}
	return &api.Variable{
		Namespace: h.Namespace, Path: h.Path, CreateIndex: h.CreateIndex, ModifyIndex: h.ModifyIndex,
		CreateTime: h.CreateTime, ModifyTime: h.ModifyTime, Items: items,
	}, nil
}

// itemsOf reads the items of a variable, which are all that a body still has.
func itemsOf(body hcl.Body) (map[string]string, error) {
	var attribute struct {
		Items map[string]string `hcl:"items,optional"`
	}
	var block struct {
		Items *namesBlock `hcl:"items,block"`
	}
	wrong := gohcl.DecodeBody(body, nil, &attribute)
	if !wrong.HasErrors() {
		return attribute.Items, nil
	}
	if gohcl.DecodeBody(body, nil, &block).HasErrors() {
		return nil, wrong
	}
	return block.Items.read()
}

// variableSamples are what var init writes, by form.
var variableSamples = map[string]string{
	asHCL: `# drover var put @FILE keeps this in the cluster.

# Where it is: letters, digits and - _ ~ / are allowed. What is at nomad/jobs/JOB, and below
# it at GROUP and GROUP/TASK, tasks of that name may read:
#   {{ with nomadVar "nomad/jobs/web" }}{{ .password }}{{ end }}
path = "path/to/variable"

# The namespace, which -namespace overrides.
# namespace = "default"

# Only if it was last written at this index; 0 if it is to be new.
# modify_index = 0

# Names and values: texts, 64 KiB in all.
items = {
  key1 = "value 1"
  key2 = "value 2"
}
`,
	asJSON: `{
  "Namespace": "default",
  "Path": "path/to/variable",
  "Items": {
    "key1": "value 1",
    "key2": "value 2"
  }
}
`,
}

func (c *cli) variableInit() *cobra.Command {
	var out string
	var quiet bool
	cmd := c.verb("init [FILE]", "Write an example of a variable", "Without FILE to spec.nv.hcl, or spec.nv.json. A file that is there stays as it is.", cobra.MaximumNArgs(1),
		func(_ context.Context, _ *client.Client, args []string) error {
			sample, ok := variableSamples[out]
			if !ok {
				return failf(1, "Invalid value for \"-out\"; valid values are [hcl, json]")
			}
			path := "spec.nv." + out
			if len(args) > 0 {
				path = args[0]
			}
			if err := writeSample(path, sample, 0o600); err != nil {
				return err
			}
			if !quiet {
				fmt.Fprintf(c.Out, "Example variable specification written to %s\n", path)
			}
			return nil
		})
	cmd.Flags().StringVar(&out, "out", asHCL, "`form` of the example: hcl or json")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "say nothing")
	return cmd
}
