package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// without is what no controller needs of the repository.
var without = []string{".git", "bin", "docs", "test", "hack"}

// copied is a copy of the rest.
func copied(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "PROJECT"} {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !e.IsDir() || slices.Contains(without, e.Name()) {
			continue
		}
		if err := os.CopyFS(filepath.Join(root, e.Name()), os.DirFS(filepath.Join("../..", e.Name()))); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestControllersThatAreLaidOutBuildAndPass(t *testing.T) {
	root := copied(t)
	for name, kind := range map[string]string{"backup": "backup_policy", "label": "Node"} {
		if _, err := lay(root, name, kind); err != nil {
			t.Fatal(err)
		}
		if _, err := lay(root, name, kind); err == nil || !strings.Contains(err.Error(), "is there already") {
			t.Errorf("again: %v", err)
		}
	}
	c := exec.CommandContext(t.Context(), "go", "test", "./controllers/backup", "./controllers/label", "./controllers", "-run", "Scripts|Project")
	c.Dir = root
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod -trimpath")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, kind, want string }{
		{"", "Node", "NAME=\"\""},
		{"Backup", "Node", "one lower-case word"},
		{"back-up", "Node", "one lower-case word"},
		{"func", "Node", "one lower-case word"},
		{"errors", "Node", "is taken"},
		{"backup", "", "KIND=\"\" is neither"},
		{"backup", "Nodes", "is neither"},
		{"backup", "backup-policy", "is neither"},
		{"backup", "backup_policy.status", "is neither"},
		{"backup", "Leadership", "is neither"},
		{"backup", "job", "drover uses that word itself"},
		{"backup", "JobStatus", "controller job alone writes objects of kind JobStatus"},
	} {
		if _, err := choose(tc.name, tc.kind); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("NAME=%s KIND=%s: %v, want %q", tc.name, tc.kind, err, tc.want)
		}
	}
	if _, err := lay("../..", "gc", "Node"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a controller that there is: %v", err)
	}
}
