package cloud

import (
	"context"
	"io/fs"

	"github.com/droverhq/drover/api"
)

// Azure finds out what Azure says of a node.
type Azure struct {
	System fs.FS // the root directory of the machine
	// URL replaces that of the service, and has it asked whatever the machine is.
	URL string
}

const (
	azureURL = "http://169.254.169.254/metadata/instance/"
	// azureTag is what the firmware of each of its machines says of the chassis.
	azureTag = "7783-7084-3265-9085-8269-3286-77"
	// azureVersion is of the service's interface.
	azureVersion = "?api-version=2019-06-04&format="
)

var azureValues = []value{
	{path: "compute/location", name: "location"},
	{path: "compute/resourceGroupName", name: "resource-group"},
	{path: "compute/vmScaleSetName", name: "scale-set"},
	{path: "compute/vmSize", name: "vm-size"},
	{path: "compute/vmId", name: "id", unique: true},
	{path: "compute/name", name: "name", unique: true},
	{path: "network/interface/0/ipv4/ipAddress/0/privateIpAddress", name: "local-ipv4", unique: true},
	{path: "network/interface/0/ipv4/ipAddress/0/publicIpAddress", name: "public-ipv4", unique: true},
	{path: "network/interface/0/macAddress", name: "mac", unique: true},
}

// Name implements fingerprint.Fingerprinter.
func (Azure) Name() string { return "env_azure" }

// Run implements fingerprint.Fingerprinter.
func (f Azure) Run(ctx context.Context) (func(*api.Node), error) {
	url := f.URL
	if url == "" {
		if firmware(f.System, "chassis_asset_tag") != azureTag {
			return nil, nil
		}
		url = azureURL
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s := newService(url, map[string]string{"Metadata": "true"})
	defer s.close()
	found := attributes{"platform.azure.", map[string]string{}}
	s.query = azureVersion + "text"
	if err := s.collect(ctx, found, azureValues); err != nil {
		return nil, err
	}
	var tags []struct{ Name, Value string }
	s.query = azureVersion + "json"
	err := s.decode(ctx, "compute/tagsList", &tags)
	for _, tag := range tags {
		found.add("tag.", tag.Name, tag.Value)
	}
	return found.write("azure", found.values["unique.platform.azure.id"]), err
}
