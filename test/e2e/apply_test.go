package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/test/cluster"
)

// background is a command that runs while the test does something else.
type background struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bytes.Buffer
}

// begin starts the command line.
func begin(t *testing.T, a *cluster.Agent, args ...string) *background {
	t.Helper()
	b := &background{t: t, cmd: exec.Command(cluster.Binary(), args...), out: new(bytes.Buffer)}
	b.cmd.Dir = "testdata"
	b.cmd.Env = append(os.Environ(), "DROVER_ADDR="+a.Client.Address())
	b.cmd.Stdout, b.cmd.Stderr = b.out, b.out
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return b
}

// ends waits for the command and expects an exit code.
func (b *background) ends(code int) string {
	b.t.Helper()
	var exit *exec.ExitError
	if err := b.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	if got := b.cmd.ProcessState.ExitCode(); got != code {
		b.t.Fatalf("%v: exit code %d, want %d\n%s", b.cmd.Args, got, code, b.out)
	}
	return b.out.String()
}

const slow = `
job "slow" {
  group "g" {
    update {
      min_healthy_time  = "TIME"
      healthy_deadline  = "4m"
      progress_deadline = "5m"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["1000"]
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`

func writeJob(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestApplyOfAFolderIsAllOrNothing(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	dir := t.TempDir()
	for _, name := range []string{"countdown.nomad.hcl", "unplaceable.nomad.hcl"} {
		src, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		writeJob(t, dir, name, string(src))
	}
	bad := writeJob(t, dir, "zzz.nomad.hcl", "job \"x\" {\n  grup \"g\" {\n  }\n}\n")
	contains(t, a.Must(1, "apply", dir), "nothing applied", "zzz.nomad.hcl:2", `Did you mean "group"?`)
	contains(t, a.Must(0, "job", "status"), "No running jobs")
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	contains(t, a.Must(2, "apply", dir), `job "countdown": group "g": 3 complete`, "not healthy, 1 of 2 jobs: unplaceable",
		`Constraint "${attr.kernel.name} = windows": 1 nodes excluded by filter`)
	contains(t, a.Must(0, "apply", "-detach", dir), `job "countdown" is unchanged`, `job "unplaceable" is unchanged`)
}

func TestApplySaysWhyARolloutFailed(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	text := strings.NewReplacer("TIME", "100ms", `"4m"`, `"1s"`, `"5m"`, `"2s"`, "/bin/sleep", "/bin/sh",
		`["1000"]`, `["-c", "echo cannot open the database >&2; exit 3"]`,
		"    update {", "    restart {\n      attempts = 0\n      mode     = \"fail\"\n    }\n    update {").Replace(slow)
	out := a.Must(1, "apply", writeJob(t, t.TempDir(), "failing.hcl", text))
	contains(t, out, "the rollout ended failed", "task t: Terminated, Exit Code: 3", "| cannot open the database")
}

func TestApplyDoesNotTakeAnothersChangeForItsOwn(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	file := writeJob(t, t.TempDir(), "slow.hcl", strings.Replace(slow, "TIME", "3m", 1))
	other := writeJob(t, t.TempDir(), "other.hcl", strings.NewReplacer("TIME", "3m", "1000", "1001").Replace(slow))

	apply := begin(t, a, "apply", file)
	a.AwaitSummary("slow", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	a.Must(0, "job", "run", "-detach", other)
	contains(t, apply.ends(1), "changed by somebody else", "version 1 now")
}

func TestApplyCanBeInterruptedAndTheJobGoesOn(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	apply := begin(t, a, "apply", writeJob(t, t.TempDir(), "slow.hcl", strings.Replace(slow, "TIME", "3m", 1)))
	a.AwaitSummary("slow", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	if err := apply.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	contains(t, apply.ends(130), "interrupted", "goes on", "drover job status slow")
	contains(t, a.Must(0, "job", "status", "slow"), "Status        = running")
}

func TestApplyOutlivesARestartOfTheServer(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	apply := begin(t, a, "apply", writeJob(t, t.TempDir(), "slow.hcl", strings.Replace(slow, "TIME", "2s", 1)))
	a.AwaitSummary("slow", "running", func(g api.TaskGroupSummary) bool { return g.Running == 1 })
	a.Kill()
	a.Start()
	contains(t, apply.ends(0), "1/1 healthy")
}

func TestApplyWithoutAServerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(cluster.Binary(), "apply", "-address", "http://127.0.0.1:1", "countdown.nomad.hcl")
	cmd.Dir = "testdata"
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	contains(t, string(out), "connection refused", "drover agent -dev", "DROVER_ADDR")
}
