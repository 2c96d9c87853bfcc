package jobspec_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/jobspec"
)

func TestManifestHoldsDefinitionsAndObjects(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "schema.json"), []byte(`{"type": "object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const text = `
variable "keep" { default = 7 }

kind_definition "backup_policy" {
  description = "What is saved"
  schema      = file("schema.json")
}

kind_definition "disk_class" {
  scope  = "cluster"
  schema = { type = "object", required = ["size"] }
}

kind_definition "note" {
  schema = <<EOT
{"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
EOT
}

kind "backup_policy" "nightly" {
  namespace = "ops"
  schedule  = "@daily"
  keep      = var.keep
  tags      = ["a", "b"]
  target "s3" {
    bucket = "x-${var.keep}"
  }
  hook { run = "a" }
  hook { run = "b" }
}
`
	m, err := jobspec.ParseManifest(jobspec.ParseOptions{Path: filepath.Join(dir, "x.hcl"), Body: []byte(text), AllowFS: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Definitions":[` +
		`{"Name":"backup_policy","Scope":"","Description":"What is saved","Schema":{"type":"object"}},` +
		`{"Name":"disk_class","Scope":"cluster","Description":"","Schema":{"required":["size"],"type":"object"}},` +
		`{"Name":"note","Scope":"","Description":"","Schema":{"properties":{"n":{"minimum":1,"type":"integer"}},"type":"object"}}],` +
		`"Resources":[{"Kind":"backup_policy","Namespace":"ops","Name":"nightly","Spec":{` +
		`"hook":[{"run":"a"},{"run":"b"}],"keep":7,"schedule":"@daily","tags":["a","b"],"target":[{"s3":[{"bucket":"x-7"}]}]}}],"Blocks":true}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestManifestIsReadFromWhatGetPrints(t *testing.T) {
	m, err := jobspec.ParseManifest(jobspec.ParseOptions{Body: []byte(`{"Kind": "note", "Name": "a", "Spec": {"n": 1}, "ModifyIndex": 7}`)})
	if err != nil || len(m.Resources) != 1 || m.Blocks || m.Resources[0].Spec["n"] != int64(1) {
		t.Errorf("an object: %+v, %v", m, err)
	}
	m, err = jobspec.ParseManifest(jobspec.ParseOptions{Body: []byte(`{"Name": "note", "Schema": {"type": "object"}}`)})
	if err != nil || len(m.Definitions) != 1 {
		t.Errorf("a definition: %+v, %v", m, err)
	}
}

func TestKindsAreToldFromJobs(t *testing.T) {
	for text, want := range map[string]bool{
		`kind "a" "b" {}`:                            true,
		`kind_definition "a" {}`:                     true,
		`job "a" {}`:                                 false,
		`kind "a" {`:                                 true,
		`{"Kind": "a", "Name": "b"}`:                 true,
		`{"Name": "a", "Schema": {}}`:                true,
		`{"Job": {"ID": "a"}}`:                       false,
		`{"ID": "a", "Name": "a", "TaskGroups": []}`: false,
		``: false,
	} {
		if got := jobspec.HoldsKinds([]byte(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestMistakesInAManifestHaveAPlace(t *testing.T) {
	for text, want := range map[string]string{
		`kind "a" "b" {}` + "\n" + `job "c" {}`:      "input.hcl:2,1-8: A job among kinds",
		`kind "a" {}`:                                "Missing name for kind",
		`kind_definition "a" {}`:                     `"schema" is required`,
		`kind_definition "a" { schema = "x" }`:       "Invalid schema; It is not an object in JSON",
		`kind_definition "a" { schema = 7 }`:         `"schema" must be text; a schema may be an object`,
		`kind "a" "b" {}` + "\n" + `kind "a" "b" {}`: "input.hcl:2,1-13: Duplicate block",
		`kind "a" "b" { namespace = 7 }`:             "namespace must be text",
		`kind_definition "a" { schema = {}, x = 1 }`: "Invalid single-argument block",
	} {
		_, err := jobspec.ParseManifest(jobspec.ParseOptions{Body: []byte(text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %q", text, err, want)
		}
	}
}
