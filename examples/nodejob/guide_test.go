package nodejob_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shown is a block of the guide that is a file, or the next part of one.
var shown = regexp.MustCompile("(?ms)^```\\w+ file=(\\S+)\n(.*?)^```$")

// The guide builds this controller: what it shows, put together, is what is here.
func TestGuideShowsTheCodeOfTheTree(t *testing.T) {
	const root = "../.."
	guide, err := os.ReadFile(filepath.Join(root, "docs/writing-a-controller.md"))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string][]string{}
	for _, m := range shown.FindAllStringSubmatch(string(guide), -1) {
		parts[m[1]] = append(parts[m[1]], m[2])
	}
	for _, file := range []string{"node_job.kind.hcl", "plan.go", "controller.go", "plan_test.go", "cmd/nodejob/main.go"} {
		path := filepath.Join("examples/nodejob", file)
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(parts[path], "\n"); got != string(text) {
			t.Errorf("docs/writing-a-controller.md shows another %s than there is:\n%s", path, got)
		}
	}
}
