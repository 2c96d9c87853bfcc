package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/spf13/cobra"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/api/client"
)

// volumeFile is a CSI volume as it is written in HCL.
type volumeFile struct {
	ID           string `hcl:"id"`
	Type         string `hcl:"type,optional"`
	Name         string `hcl:"name,optional"`
	Namespace    string `hcl:"namespace,optional"`
	ExternalID   string `hcl:"external_id,optional"`
	PluginID     string `hcl:"plugin_id"`
	CapacityMin  string `hcl:"capacity_min,optional"`
	CapacityMax  string `hcl:"capacity_max,optional"`
	Capabilities []struct {
		AccessMode     string `hcl:"access_mode"`
		AttachmentMode string `hcl:"attachment_mode"`
	} `hcl:"capability,block"`
	Mount *struct {
		FSType string   `hcl:"fs_type,optional"`
		Flags  []string `hcl:"mount_flags,optional"`
	} `hcl:"mount_options,block"`
	Topology *struct {
		Required  *topologiesBlock `hcl:"required,block"`
		Preferred *topologiesBlock `hcl:"preferred,block"`
	} `hcl:"topology_request,block"`
	Secrets    *namesBlock `hcl:"secrets,block"`
	Parameters *namesBlock `hcl:"parameters,block"`
	Context    *namesBlock `hcl:"context,block"`
}

type topologiesBlock struct {
	Topologies []struct {
		Segments *namesBlock `hcl:"segments,block"`
	} `hcl:"topology,block"`
}

// namesBlock is a block of names of the user's own.
type namesBlock struct {
	Attributes hcl.Attributes `hcl:",remain"`
}

// read returns the texts of a block, which may be nil.
func (b *namesBlock) read() (map[string]string, error) {
	if b == nil {
		return nil, nil
	}
	texts := make(map[string]string, len(b.Attributes))
	for name, attribute := range b.Attributes {
		var text string
		if diagnostics := gohcl.DecodeExpression(attribute.Expr, nil, &text); diagnostics.HasErrors() {
			return nil, diagnostics
		}
		texts[name] = text
	}
	return texts, nil
}

func (b *topologiesBlock) read() ([]*api.CSITopology, error) {
	if b == nil {
		return nil, nil
	}
	var out []*api.CSITopology
	for _, t := range b.Topologies {
		segments, err := t.Segments.read()
		if err != nil {
			return nil, err
		}
		out = append(out, &api.CSITopology{Segments: segments})
	}
	return out, nil
}

// readVolume reads a volume from a file in HCL, or in the JSON of the API, and what it says
// that has no effect.
func (c *cli) readVolume(path string, asJSON bool) (v *api.CSIVolume, idle []string, err error) {
	var f volumeFile
	v = new(api.CSIVolume)
	if done, err := c.readFile(path, asJSON, &f, v); done || err != nil {
		return v, nil, err
	}
	if f.Type != "" && f.Type != api.VolumeCSI {
		return nil, nil, failf(1, "%s: a volume of type %q can't be registered; there is %q", path, f.Type, api.VolumeCSI)
	}
	for _, capacity := range [][2]string{{"capacity_min", f.CapacityMin}, {"capacity_max", f.CapacityMax}} {
		if capacity[1] != "" {
			idle = append(idle, capacity[0])
		}
	}
	if v, err = f.volume(); err != nil {
		return nil, nil, fmt.Errorf("Error reading %s: %w", path, err)
	}
	return v, idle, nil
}

func (f *volumeFile) volume() (*api.CSIVolume, error) {
	v := &api.CSIVolume{ID: f.ID, Name: f.Name, Namespace: f.Namespace, ExternalID: f.ExternalID, PluginID: f.PluginID}
	for _, one := range f.Capabilities {
		v.RequestedCapabilities = append(v.RequestedCapabilities, (*api.CSIVolumeCapability)(&one))
	}
	if f.Mount != nil {
		v.MountOptions = &api.CSIMountOptions{FSType: f.Mount.FSType, MountFlags: f.Mount.Flags}
	}
	if f.Topology != nil {
		required, err := f.Topology.Required.read()
		if err != nil {
			return nil, err
		}
		preferred, err := f.Topology.Preferred.read()
		if err != nil {
			return nil, err
		}
		v.RequestedTopologies = &api.CSITopologyRequest{Required: required, Preferred: preferred}
	}
	var errs [3]error
	var secrets map[string]string
	secrets, errs[0] = f.Secrets.read()
	v.Parameters, errs[1] = f.Parameters.read()
	v.Context, errs[2] = f.Context.read()
	v.Secrets = secrets
	return v, errors.Join(errs[:]...)
}

// volumeSample is what volume init writes.
const volumeSample = `# drover volume register FILE makes a CSI volume known that is there already.
# Jobs ask for it with
#   volume "data" {
#     type            = "csi"
#     source          = "database"
#     access_mode     = "single-node-writer"
#     attachment_mode = "file-system"
#   }
# and are placed on nodes that run its plugin.
id          = "database"
name        = "database"
type        = "csi"
plugin_id   = "ebs"
external_id = "vol-23452345"

# How it may be used, one block for each way.
capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}

# Where it is, in the words of its plugin. Without the block: everywhere.
topology_request {
  required {
    topology {
      segments {
        zone = "z1"
      }
    }
  }
}

# Handed to the plugin. Secrets are never shown again.
# secrets {
#   key = "…"
# }
`

func (c *cli) volumeInit() *cobra.Command {
	return c.sample("init [FILE]", "Write a sample of a volume to start from", "volume.hcl", volumeSample, "Example volume specification written to %s\n")
}

// sample is a command that writes a file to start from.
func (c *cli) sample(use, short, name, text, said string) *cobra.Command {
	return c.verb(use, short, "FILE is "+name+" if it is left out. A file that is there is not written over.", cobra.MaximumNArgs(1),
		func(_ context.Context, _ *client.Client, args []string) error {
			path := name
			if len(args) > 0 {
				path = args[0]
			}
			if err := writeSample(path, text, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(c.Out, said, path)
			return nil
		})
}

// writeSample writes a file to start from, where none is.
func writeSample(path, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return failf(1, "%s exists already", path)
	}
	if err != nil {
		return fmt.Errorf("Error writing the sample: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("Error writing the sample: %w", err)
	}
	return nil
}
