package cloud

import (
	"context"
	"io/fs"
	"net/http"
	"strings"

	"github.com/droverhq/drover/api"
)

// AWS finds out what EC2 says of a node.
type AWS struct {
	System fs.FS // the root directory of the machine
	// URL replaces that of the service, and has it asked whatever the machine is.
	URL string
}

const (
	awsURL      = "http://169.254.169.254/"
	awsMetadata = "latest/meta-data/"
)

var awsValues = []value{
	{path: "ami-id", name: "ami-id"},
	{path: "instance-life-cycle", name: "instance-life-cycle"},
	{path: "instance-type", name: "instance-type"},
	{path: "placement/availability-zone", name: "placement.availability-zone"},
	{path: "hostname", name: "hostname", unique: true},
	{path: "instance-id", name: "instance-id", unique: true},
	{path: "local-hostname", name: "local-hostname", unique: true},
	{path: "local-ipv4", name: "local-ipv4", unique: true},
	{path: "public-hostname", name: "public-hostname", unique: true},
	{path: "public-ipv4", name: "public-ipv4", unique: true},
	{path: "mac", name: "mac", unique: true},
}

// Name implements fingerprint.Fingerprinter.
func (AWS) Name() string { return "env_aws" }

// here reports whether the machine is an instance of EC2.
func (f AWS) here() bool {
	return firmware(f.System, "sys_vendor") == "Amazon EC2" ||
		strings.Contains(strings.ToLower(firmware(f.System, "bios_version")), "amazon") // Xen
}

// Run implements fingerprint.Fingerprinter.
func (f AWS) Run(ctx context.Context) (func(*api.Node), error) {
	url := f.URL
	if url == "" {
		if !f.here() {
			return nil, nil
		}
		url = awsURL
	}
	root := strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/"+strings.TrimSuffix(awsMetadata, "/"))
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s := newService(root+"/"+awsMetadata, map[string]string{"X-aws-ec2-metadata-token-ttl-seconds": "60"})
	defer s.close()
	// Newer instances answer only to who has a token. The oldest know none.
	token, err := s.ask(ctx, http.MethodPut, strings.TrimSuffix(root, "/")+"/latest/api/token")
	if ctx.Err() != nil {
		return nil, err
	}
	s.header.Del("X-aws-ec2-metadata-token-ttl-seconds")
	if err == nil {
		s.header.Set("X-aws-ec2-metadata-token", token)
	}
	found := attributes{"platform.aws.", map[string]string{}}
	if err := s.collect(ctx, found, awsValues); err != nil {
		return nil, err
	}
	id := found.values["unique.platform.aws.instance-id"]
	if zone := found.values["platform.aws.placement.availability-zone"]; id != "" && zone != "" {
		id = zone + "." + id
	}
	return found.write("aws.ec2", id), nil
}
