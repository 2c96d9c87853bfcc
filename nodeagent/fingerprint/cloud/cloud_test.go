package cloud_test

import (
	"context"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/fingerprint/cloud"
)

type fingerprinter interface {
	Run(ctx context.Context) (func(*api.Node), error)
}

// metadata plays a metadata service that answers those who send a header.
func metadata(t *testing.T, header, want string, answers map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "" {
			_, _ = w.Write([]byte("secret\n"))
			return
		}
		body, ok := answers[r.URL.Path]
		switch {
		case r.Header.Get(header) != want:
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case !ok:
			http.NotFound(w, r)
		default:
			_, _ = w.Write([]byte(body + "\n"))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func expect(t *testing.T, f fingerprinter, attributes, links map[string]string) {
	t.Helper()
	write, err := f.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := &api.Node{Attributes: map[string]string{}}
	write(n)
	if !maps.Equal(n.Attributes, attributes) || !maps.Equal(n.Links, links) {
		t.Errorf("attributes %v\nlinks %v", n.Attributes, n.Links)
	}
}

func TestAnInstanceOfEC2(t *testing.T) {
	url := metadata(t, "X-aws-ec2-metadata-token", "secret", map[string]string{
		"/latest/meta-data/ami-id":                      "ami-1234",
		"/latest/meta-data/hostname":                    "ip-10-0-0-207.internal",
		"/latest/meta-data/instance-id":                 "i-b3ba3875",
		"/latest/meta-data/instance-life-cycle":         "on-demand",
		"/latest/meta-data/instance-type":               "m3.2xlarge",
		"/latest/meta-data/local-ipv4":                  "10.0.0.207",
		"/latest/meta-data/placement/availability-zone": "us-west-2a",
	})
	for _, given := range []string{url, url + "/latest/meta-data/"} {
		expect(t, cloud.AWS{URL: given}, map[string]string{
			"platform.aws.ami-id":                      "ami-1234",
			"platform.aws.instance-life-cycle":         "on-demand",
			"platform.aws.instance-type":               "m3.2xlarge",
			"platform.aws.placement.availability-zone": "us-west-2a",
			"unique.platform.aws.hostname":             "ip-10-0-0-207.internal",
			"unique.platform.aws.instance-id":          "i-b3ba3875",
			"unique.platform.aws.local-ipv4":           "10.0.0.207",
		}, map[string]string{"aws.ec2": "us-west-2a.i-b3ba3875"})
	}
}

func TestAnInstanceOfGoogleComputeEngine(t *testing.T) {
	const at = "/computeMetadata/v1/instance/"
	url := metadata(t, "Metadata-Flavor", "Google", map[string]string{
		at + "id":                             "12345",
		at + "hostname":                       "one.c.project.internal",
		at + "zone":                           "projects/555555/zones/us-central1-f",
		at + "machine-type":                   "projects/555555/machineTypes/n1-standard-1",
		at + "scheduling/on-host-maintenance": "MIGRATE",
		at + "tags":                           `["abc", "unique.foo"]`,
		at + "attributes/":                    `{"ghi": "111\n", "unique.bar": "333", "startup-script": "#!/bin/sh\nexit 1\n"}`,
		at + "network-interfaces/":            `[{"network": "projects/555555/networks/default", "ip": "10.240.0.5", "accessConfigs": [{"externalIp": ""}, {"externalIp": "192.0.2.66"}]}]`,
	})
	expect(t, cloud.GCE{URL: url + at}, map[string]string{
		"platform.gce.machine-type":                         "n1-standard-1",
		"platform.gce.zone":                                 "us-central1-f",
		"platform.gce.scheduling.on-host-maintenance":       "MIGRATE",
		"platform.gce.tag.abc":                              "true",
		"unique.platform.gce.tag.foo":                       "true",
		"platform.gce.attr.ghi":                             "111",
		"unique.platform.gce.attr.bar":                      "333",
		"platform.gce.network.default":                      "true",
		"unique.platform.gce.network.default.ip":            "10.240.0.5",
		"unique.platform.gce.network.default.external-ip.0": "192.0.2.66",
		"unique.platform.gce.id":                            "12345",
		"unique.platform.gce.hostname":                      "one.c.project.internal",
	}, map[string]string{"gce": "12345"})
}

func TestAMachineOfAzure(t *testing.T) {
	const at = "/metadata/instance/"
	url := metadata(t, "Metadata", "true", map[string]string{
		at + "compute/location":       "eastus",
		at + "compute/name":           "demo01",
		at + "compute/vmId":           "13f56399",
		at + "compute/vmSize":         "Standard_A1_v2",
		at + "compute/vmScaleSetName": "",
		at + "compute/tagsList":       `[{"name": "Environment", "value": "Test"}, {"name": "unique.foo", "value": "true"}]`,
		at + "network/interface/0/ipv4/ipAddress/0/privateIpAddress": "10.1.0.4",
	})
	expect(t, cloud.Azure{URL: url + at}, map[string]string{
		"platform.azure.location":          "eastus",
		"platform.azure.vm-size":           "Standard_A1_v2",
		"platform.azure.tag.Environment":   "Test",
		"unique.platform.azure.tag.foo":    "true",
		"unique.platform.azure.id":         "13f56399",
		"unique.platform.azure.name":       "demo01",
		"unique.platform.azure.local-ipv4": "10.1.0.4",
	}, map[string]string{"azure": "13f56399"})
}

func TestAMachineElsewhereAsksNobody(t *testing.T) {
	elsewhere := fstest.MapFS{"sys/class/dmi/id/sys_vendor": {Data: []byte("QEMU\n")}}
	for _, system := range []fs.FS{elsewhere, fstest.MapFS{}} {
		for _, f := range []fingerprinter{cloud.AWS{System: system}, cloud.GCE{System: system}, cloud.Azure{System: system}} {
			if write, err := f.Run(t.Context()); write != nil || err != nil {
				t.Errorf("%T: found something, %v", f, err)
			}
		}
	}
}

func TestAServiceThatIsNotThereIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []fingerprinter{cloud.AWS{URL: url}, cloud.GCE{URL: url}, cloud.Azure{URL: url}} {
		if _, err := f.Run(t.Context()); err == nil {
			t.Errorf("%T: no error", f)
		}
	}
}
