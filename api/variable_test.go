package api

import (
	"strings"
	"testing"
)

func TestPathsOfVariables(t *testing.T) {
	for _, path := range []string{
		"a", "app/config", "A-b_c~9/x", "nomad/jobs", "nomad/jobs/web/group/task/more", "nomad/job-templates/web", "nomads", "x/nomad",
		strings.Repeat("a", MaxVariablePath),
	} {
		if err := CheckVariablePath(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, path := range []string{
		"", "/", "/a", "a/", "a//b", "a.b", "a b", "a@b", "ä", "a\x00", "../a", "nomad", "nomad/", "nomad/other", "nomad/jobsx",
		"nomad/job-templates", "nomad/job-templates/a/b", strings.Repeat("a", MaxVariablePath+1),
	} {
		if err := CheckVariablePath(path); err == nil {
			t.Errorf("%q is accepted", path)
		}
	}
}

func TestItemsOfVariablesAreBounded(t *testing.T) {
	v := Variable{Path: "a", Items: map[string]string{"key": strings.Repeat("x", MaxVariableItems-len("key"))}}
	if err := v.Check(); err != nil {
		t.Error(err)
	}
	v.Items["key"] += "x"
	if err := v.Check(); err == nil || !strings.Contains(err.Error(), "limited to 64KiB") {
		t.Error(err)
	}
	for name, v := range map[string]Variable{
		"no items":          {Path: "a"},
		"an item of no key": {Path: "a", Items: map[string]string{"": "x"}},
		"all namespaces":    {Path: "a", Namespace: "*", Items: map[string]string{"a": "x"}},
	} {
		if err := v.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzCheckVariablePath(f *testing.F) {
	f.Add("nomad/jobs/a")
	f.Add("a//b")
	f.Fuzz(func(t *testing.T, path string) {
		if CheckVariablePath(path) != nil {
			return
		}
		for part := range strings.SplitSeq(path, "/") {
			if part == "" || strings.ContainsFunc(part, func(r rune) bool { return r == '/' || !inVariablePath(r) }) {
				t.Fatalf("%q is accepted", path)
			}
		}
		if len(path) > MaxVariablePath || path == "nomad" {
			t.Fatalf("%q is accepted", path)
		}
	})
}
