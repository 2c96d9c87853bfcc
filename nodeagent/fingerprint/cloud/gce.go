package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/droverhq/drover/api"
)

// GCE finds out what Google Compute Engine says of a node.
type GCE struct {
	System fs.FS // the root directory of the machine
	// URL replaces that of the service, and has it asked whatever the machine is.
	URL string
}

const gceURL = "http://169.254.169.254/computeMetadata/v1/instance/"

var gceValues = []value{
	{path: "machine-type", name: "machine-type", last: true},
	{path: "zone", name: "zone", last: true},
	{path: "cpu-platform", name: "cpu-platform"},
	{path: "scheduling/automatic-restart", name: "scheduling.automatic-restart"},
	{path: "scheduling/on-host-maintenance", name: "scheduling.on-host-maintenance"},
	{path: "id", name: "id", unique: true},
	{path: "hostname", name: "hostname", unique: true},
}

// Name implements fingerprint.Fingerprinter.
func (GCE) Name() string { return "env_gce" }

// Run implements fingerprint.Fingerprinter.
func (f GCE) Run(ctx context.Context) (func(*api.Node), error) {
	url := f.URL
	if url == "" {
		if firmware(f.System, "product_name") != "Google Compute Engine" {
			return nil, nil
		}
		url = gceURL
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s := newService(url, map[string]string{"Metadata-Flavor": "Google"})
	defer s.close()
	found := attributes{"platform.gce.", map[string]string{}}
	err := s.collect(ctx, found, gceValues)
	for _, more := range []func(context.Context, *service, attributes) error{gceNetworks, gceTags, gceAttributes} {
		if err != nil {
			return nil, err
		}
		err = more(ctx, s, found)
	}
	return found.write("gce", found.values["unique.platform.gce.id"]), err
}

func gceNetworks(ctx context.Context, s *service, found attributes) error {
	var interfaces []struct {
		Network       string
		IP            string
		AccessConfigs []struct{ ExternalIP string }
	}
	if err := s.decode(ctx, "network-interfaces/?recursive=true", &interfaces); err != nil {
		return err
	}
	for _, i := range interfaces {
		name := path.Base(i.Network)
		found.add("network.", name, "true")
		found.add("network.", uniquePrefix+name+".ip", i.IP)
		external := 0
		for _, c := range i.AccessConfigs {
			if c.ExternalIP != "" {
				found.add("network.", fmt.Sprintf("%s%s.external-ip.%d", uniquePrefix, name, external), c.ExternalIP)
				external++
			}
		}
	}
	return nil
}

func gceTags(ctx context.Context, s *service, found attributes) error {
	var tags []string
	err := s.decode(ctx, "tags", &tags)
	for _, tag := range tags {
		found.add("tag.", tag, "true")
	}
	return err
}

func gceAttributes(ctx context.Context, s *service, found attributes) error {
	var values map[string]string
	err := s.decode(ctx, "attributes/?recursive=true", &values)
	for name, v := range values {
		if v = strings.Trim(v, "\n"); !strings.ContainsAny(v, "\n") { // scripts and keys of many lines are no attributes
			found.add("attr.", name, v)
		}
	}
	return err
}

// decode asks for a value in JSON. One that the service does not know is left as it is.
func (s *service) decode(ctx context.Context, path string, into any) error {
	b, err := s.get(ctx, path)
	if errors.Is(err, errAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(b), into); err != nil {
		return fmt.Errorf("%s%s: %w", s.url, path, err)
	}
	return nil
}
