// Package guide holds the guides for programmers against the code that they show.
package guide

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shown is a block of a guide that is a file, or the next part of one.
var shown = regexp.MustCompile("(?ms)^```\\w+ file=(\\S+)\n(.*?)^```$")

// What a guide shows, put together, is what is in the tree.
func TestGuidesShowTheCodeOfTheTree(t *testing.T) {
	const root = "../.."
	for guide, files := range map[string][]string{
		"docs/writing-a-controller.md": {
			"examples/nodejob/node_job.kind.hcl", "examples/nodejob/plan.go", "examples/nodejob/controller.go",
			"examples/nodejob/plan_test.go", "examples/nodejob/cmd/nodejob/main.go",
		},
		"docs/writing-a-driver.md": {
			"test/guide/script/driver_linux.go", "test/guide/script/driver_linux_test.go", "test/sampledriver/main.go",
		},
	} {
		text, err := os.ReadFile(filepath.Join(root, guide))
		if err != nil {
			t.Fatal(err)
		}
		parts := map[string][]string{}
		for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
			parts[m[1]] = append(parts[m[1]], m[2])
		}
		for _, path := range files {
			there, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(parts[path], "\n"); got != string(there) {
				t.Errorf("%s shows another %s than there is:\n%s", guide, path, got)
			}
			delete(parts, path)
		}
		for path := range parts {
			t.Errorf("%s shows %s, which nothing holds it against", guide, path)
		}
	}
}
