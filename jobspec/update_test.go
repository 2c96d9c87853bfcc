package jobspec_test

import (
	"strings"
	"testing"

	"github.com/droverhq/drover/jobspec"
)

func TestWhatAnUpdateBlockMaySay(t *testing.T) {
	for _, c := range []struct{ kind, block, wrong, warning string }{
		{"service", `canary = 1`, "", ""},
		{"service", `canary = 3  max_parallel = 3  auto_promote = true  auto_revert = true`, "", ""},
		{"service", `health_check = "manual"`, "", ""},
		{"service", `auto_promote = true`, "update > auto_promote: there is nothing to promote without a canary", ""},
		{"service", `canary = -1`, "canary", ""},
		{"service", `canary = 1  max_parallel = 0`, "update > max_parallel: with 0 nothing is rolled out step by step", ""},
		{"service", `auto_revert = true  max_parallel = 0`, "update > max_parallel", ""},
		{"service", `max_parallel = 0`, "", ""},
		{"service", `stagger = "10s"`, "", "stagger: has an effect on system jobs only"},
		{"service", `stagger = "-1s"`, "stagger", "stagger"},
		{"service", `health_check = "hope"`, "health_check", ""},
		{"system", `canary = 20  stagger = "10s"  auto_promote = true`, "", ""},
		{"system", `canary = 101`, "update > canary: of a system job it is how many percent", ""},
		{"batch", `canary = 1`, "a batch job is not rolled out", ""},
	} {
		blocks := strings.ReplaceAll(c.block, "  ", "\n")
		text := `job "shop" {
  type = "` + c.kind + `"
  group "web" {
    update {
      ` + blocks + `
    }
    task "t" {
      driver = "raw_exec"
    }
  }
}`
		job, _, err := jobspec.Parse(jobspec.ParseOptions{Body: []byte(text)})
		if err != nil {
			t.Fatalf("%s: %v", c.block, err)
		}
		warnings := jobspec.Canonicalize(job)
		more, err := jobspec.Validate(job)
		warnings = append(warnings, more...)
		if (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s %s: %v, want %q", c.kind, c.block, err, c.wrong)
		}
		if said := strings.Join(warnings, "\n"); (said != "") != (c.warning != "") || !strings.Contains(said, c.warning) {
			t.Errorf("%s %s: warned %q, want %q", c.kind, c.block, said, c.warning)
		}
	}
}
