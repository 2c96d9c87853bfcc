package artifact_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/droverhq/drover/nodeagent/artifact"
)

// TestTheProcessIsConfined has git, which the process starts, try to read a repository
// that the agent can read and the process must not.
func TestTheProcessIsConfined(t *testing.T) {
	version, _, errno := syscall.Syscall(444 /* landlock_create_ruleset */, 0, 0, 1)
	if errno != 0 || version == 0 {
		t.Skip("this kernel has no Landlock: that the process is confined was not tried")
	}
	repository(t, nil) // skips without git
	private := taskDir(t)
	if out, err := exec.Command("git", "init", "-q", "--bare", private+"/repo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	err := fetch(t, taskDir(t), artifact.Options{}, artifact.Order{Source: "git::file://" + private + "/repo"})
	if err == nil {
		t.Fatal("it has read what is none of its business")
	}
	if err := fetch(t, taskDir(t), artifact.Options{ReadPaths: []string{private}}, artifact.Order{Source: "git::file://" + private + "/repo"}); err != nil {
		t.Logf("with leave: %v", err) // git wants the owner to be the same
	}
}

func TestWhatIsFetchedBelongsToNobodyOrToTheTask(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: who files belong to was not tried")
	}
	url := site(t, map[string][]byte{"/page": []byte("hello")})
	for name, c := range map[string]struct {
		chown *artifact.Owner
		uid   uint32
	}{
		"nobody": {nil, 65534}, "the task's user": {&artifact.Owner{UID: 1234, GID: 1234}, 1234},
	} {
		dir := taskDir(t)
		if err := fetch(t, dir, artifact.Options{}, artifact.Order{Source: url + "/page", Place: "local/new", Chown: c.chown}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"local/new", "local/new/page"} {
			info, err := os.Stat(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if uid := info.Sys().(*syscall.Stat_t).Uid; uid != c.uid {
				t.Errorf("%s: %s belongs to %d", name, path, uid)
			}
		}
	}
}
