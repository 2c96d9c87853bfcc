package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
)

const dataVolume = `{"Volumes":[{
  "ID": "data", "ExternalID": "vol-1", "PluginID": "ebs", "Secrets": {"key": "hunter2"},
  "RequestedCapabilities": [{"AccessMode": "single-node-writer", "AttachmentMode": "file-system"}],
  "RequestedTopologies": {"Required": [{"Segments": {"zone": "z1"}}]}
}]}`

// plugged is a node that runs the plugin ebs.
func plugged(id string, healthy bool) *api.Node {
	return &api.Node{ID: id, Name: id, Datacenter: "dc1", NodePool: "default", CSINodePlugins: map[string]*api.CSIInfo{
		"ebs": {PluginID: "ebs", Healthy: healthy, Provider: "ebs.example", ProviderVersion: "1.2", RequiresControllerPlugin: true},
	}}
}

// claimant is an allocation of the job db that writes to the volume data.
func claimant(id, node string) *api.Allocation {
	return &api.Allocation{
		ID: id, Namespace: "default", NodeID: node, JobID: "db", TaskGroup: "db", Name: "db.db[0]", DesiredStatus: api.AllocDesiredRun,
		Claims: []api.VolumeClaim{{Volume: "data", AccessMode: api.AccessSingleNodeWriter, AttachmentMode: api.AttachmentFileSystem}},
	}
}

func TestAVolumeIsShownWithWhoClaimsItAndWhoBringsIt(t *testing.T) {
	c := newCluster(t)
	c.must(http.MethodPut, "/v1/volume/csi/data", dataVolume, nil)
	var v api.CSIVolume
	got := c.get("/v1/volume/csi/data", &v)
	if v.Name != "data" || v.Namespace != "default" || v.Topologies[0].Segments["zone"] != "z1" || v.Schedulable {
		t.Errorf("read %+v", v)
	}
	if strings.Contains(string(got.body), "hunter2") || v.Secrets["key"] != "[REDACTED]" {
		t.Errorf("secrets are shown: %s", got.body)
	}

	controller := &api.Node{ID: "c", CSIControllerPlugins: map[string]*api.CSIInfo{"ebs": {PluginID: "ebs", Healthy: true}}}
	c.put(plugged("n1", true), plugged("n2", false), controller, claimant("a1", "n1"))
	c.get("/v1/volume/csi/data", &v)
	if _, writes := v.WriteAllocs["a1"]; !writes || len(v.ReadAllocs) != 0 || len(v.Allocations) != 1 || v.AccessMode != api.AccessSingleNodeWriter {
		t.Errorf("claims are %+v", v)
	}
	if !v.Schedulable || v.Provider != "ebs.example" || v.ProviderVersion != "1.2" || !v.ControllerRequired ||
		v.NodesHealthy != 1 || v.NodesExpected != 2 || v.ControllersHealthy != 1 || v.ControllersExpected != 1 {
		t.Errorf("plugin is %+v", v)
	}
	for path, want := range map[string]int{
		"?type=csi": 1, "?type=csi&plugin_id=e": 1, "?type=csi&plugin_id=x": 0, "?type=csi&node_id=n1": 1, "?type=csi&node_id=n2": 0,
		"?type=host": 0, "": 0, "?type=csi&prefix=da": 1, "?type=csi&namespace=*": 1, "?type=csi&namespace=dev": 0,
	} {
		var list []api.CSIVolumeListStub
		if c.get("/v1/volumes"+path, &list); len(list) != want {
			t.Errorf("%s lists %+v", path, list)
		} else if want == 1 && (list[0].CurrentWriters != 1 || list[0].CurrentReaders != 0 || !list[0].Schedulable) {
			t.Errorf("%s lists %+v", path, list[0])
		}
	}

	var plugins []api.CSIPluginListStub
	c.get("/v1/plugins?type=csi", &plugins)
	if len(plugins) != 1 || plugins[0].ID != "ebs" || plugins[0].NodesHealthy != 1 || plugins[0].ControllersHealthy != 1 {
		t.Errorf("plugins are %+v", plugins)
	}
	var p api.CSIPlugin
	if c.get("/v1/plugin/csi/ebs", &p); len(p.Nodes) != 2 || len(p.Controllers) != 1 || p.Version != "1.2" {
		t.Errorf("plugin is %+v", p)
	}
	if got := c.do(http.MethodGet, "/v1/plugin/csi/other", ""); got.status != http.StatusNotFound {
		t.Errorf("a plugin that nobody runs: %d", got.status)
	}
}

func TestAVolumeThatIsUsedIsNotDeregistered(t *testing.T) {
	c := newCluster(t)
	c.must(http.MethodPut, "/v1/volume/csi/data", dataVolume, nil)
	c.put(claimant("a1", "n1"))
	refused := func(path, says string) {
		t.Helper()
		if got := c.do(http.MethodDelete, path, ""); got.status != http.StatusConflict || !strings.Contains(string(got.body), says) {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
	}
	refused("/v1/volume/csi/data", `claimed by allocation a1 of job "db"`)
	refused("/v1/volume/csi/data?force=true", `claimed by allocation a1`)
	refused("/v1/volume/csi/data/detach?node=n1", `runs with it on node n1`)

	// Told to stop, it has what it had until it has ended.
	stopped := claimant("a1", "n1")
	stopped.DesiredStatus = api.AllocDesiredStop
	c.put(stopped)
	refused("/v1/volume/csi/data", `claimed by allocation a1`)
	c.must(http.MethodDelete, "/v1/volume/csi/data/detach?node=n2", "", nil)
	refused("/v1/volume/csi/data", `claimed by allocation a1`)
	c.must(http.MethodDelete, "/v1/volume/csi/data/detach?node=n1", "", nil)
	c.must(http.MethodDelete, "/v1/volume/csi/data", "", nil)
	for _, path := range []string{"/v1/volume/csi/data", "/v1/volume/csi/data/detach?node=n1"} {
		if got := c.do(http.MethodDelete, path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s, twice: %d %s", path, got.status, got.body)
		}
	}

	c.must(http.MethodPut, "/v1/volume/csi/data", dataVolume, nil)
	c.put(stopped)
	c.must(http.MethodDelete, "/v1/volume/csi/data?force=true", "", nil)

	c.must(http.MethodPut, "/v1/volume/csi/data", dataVolume, nil)
	c.put(&api.AllocationStatus{ID: "a1", NodeID: "n1", Namespace: "default", JobID: "db", ClientStatus: api.AllocClientComplete})
	c.must(http.MethodDelete, "/v1/volume/csi/data", "", nil)
}

func TestWhatAVolumeCantBeIsRefused(t *testing.T) {
	c := newCluster(t)
	whole := strings.NewReplacer("\n", "")
	for _, test := range []struct{ change, to, says string }{
		{`"ID": "data"`, `"ID": "da ta"`, "none of them a space"},
		{`"ExternalID": "vol-1"`, `"ExternalID": ""`, "by which ID does its plugin know it"},
		{`"PluginID": "ebs"`, `"PluginID": ""`, "brought to nodes by a plugin"},
		{`[{"AccessMode": "single-node-writer", "AttachmentMode": "file-system"}]`, `[]`, "how may the volume be used"},
		{`"single-node-writer"`, `"exclusive"`, `"exclusive" is none of`},
		{`"file-system"`, `"tape"`, `"tape" is none of`},
		{`{"Segments": {"zone": "z1"}}`, `{}`, "a topology has segments"},
		{`"ID": "data"`, `"ID": "data", "SnapshotID": "s", "CloneID": "c"`, "not of both"},
		{`"ID": "data"`, `"ID": "data", "Namespace": "dev"`, `namespace "dev" does not exist`},
		{dataVolume, `{}`, "no Volumes"},
		{dataVolume, `{"Volumes":[null]}`, "is null"},
	} {
		body := whole.Replace(strings.Replace(dataVolume, test.change, test.to, 1))
		if got := c.do(http.MethodPut, "/v1/volume/csi/data", body); got.status != http.StatusBadRequest || !strings.Contains(string(got.body), test.says) {
			t.Errorf("%s: %d %s", test.to, got.status, got.body)
		}
	}
	c.must(http.MethodPut, "/v1/volume/csi/data", dataVolume, nil)
	c.put(claimant("a1", "n1"))
	for _, test := range []struct{ change, to, says string }{
		{`"vol-1"`, `"vol-2"`, `it is "vol-1" and can't be changed`},
		{`"ebs"`, `"nfs"`, `it is "ebs" and can't be changed`},
		{`single-node-writer`, `multi-node-reader-only`, "in use as single-node-writer"},
	} {
		got := c.do(http.MethodPut, "/v1/volume/csi/data", strings.Replace(dataVolume, test.change, test.to, 1))
		if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), test.says) {
			t.Errorf("%s: %d %s", test.to, got.status, got.body)
		}
	}
	if got := c.do(http.MethodDelete, "/v1/volume/csi/data/detach", ""); got.status != http.StatusBadRequest {
		t.Errorf("detach from nowhere: %d %s", got.status, got.body)
	}
	c.put(&api.Namespace{Name: "dev"}, &api.CSIVolume{ID: "v", Namespace: "dev"})
	if got := c.do(http.MethodDelete, "/v1/namespace/dev", ""); got.status != http.StatusBadRequest || !strings.Contains(string(got.body), "has volumes") {
		t.Errorf("a namespace with a volume: %d %s", got.status, got.body)
	}
}

func TestWhatOnlyAStoragePluginCanDoIsNotSupported(t *testing.T) {
	c := newCluster(t)
	for path, method := range map[string]string{
		"/v1/volume/csi/data/create": http.MethodPut, "/v1/volume/csi/data/delete": http.MethodDelete,
		"/v1/volumes/external?plugin_id=ebs": http.MethodGet, "/v1/volumes/snapshot": http.MethodPut,
		"/v1/volume/host/create": http.MethodPut,
	} {
		if got := c.do(method, path, "{}"); got.status != http.StatusNotImplemented || !strings.Contains(string(got.body), "not supported: ") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestClaimsOnHostVolumesAreListedAndDeleted(t *testing.T) {
	c := newCluster(t)
	c.put(
		&api.HostVolumeClaim{ID: "81b43af2", Namespace: "default", JobID: "db", TaskGroupName: "g", AllocID: "a1", VolumeID: "n1", VolumeName: "data"},
		&api.HostVolumeClaim{ID: "82000000", Namespace: "dev", JobID: "db", TaskGroupName: "h", Index: 1, VolumeID: "n2", VolumeName: "data"})
	for query, want := range map[string]int{
		"": 1, "?namespace=*": 2, "?prefix=81": 1, "?prefix=82": 0, "?namespace=dev": 1, "?job_id=db": 1, "?job_id=web": 0,
		"?namespace=*&task_group=h": 1, "?namespace=*&volume_name=data": 2, "?volume_name=logs": 0,
	} {
		var list []api.HostVolumeClaim
		if c.get("/v1/volumes/claims"+query, &list); len(list) != want {
			t.Errorf("%s lists %+v", query, list)
		}
	}
	c.must(http.MethodDelete, "/v1/volumes/claim/81b43af2", "", nil)
	if got := c.do(http.MethodDelete, "/v1/volume/claim/81b43af2", ""); got.status != http.StatusNotFound {
		t.Errorf("deleted twice: %d %s", got.status, got.body)
	}
}
