package allocdir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/droverhq/drover/nodeagent/allocdir"
)

func TestDirectoriesHaveTheModesThatJobsRelyOn(t *testing.T) {
	d := allocdir.New(t.TempDir(), "a1")
	for range 2 { // the second time changes nothing
		if err := d.Build(); err != nil {
			t.Fatal(err)
		}
		if err := d.BuildTask("server", ""); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"":               "drwxr-xr-x",
		"alloc":          "drwxrwxrwx",
		"alloc/data":     "drwxrwxrwx",
		"alloc/logs":     "drwxrwxrwx",
		"alloc/tmp":      "drwxrwxrwx",
		"server":         "drwxrwxrwx",
		"server/local":   "drwxrwxrwx",
		"server/tmp":     "dtrwxrwxrwx",
		"server/secrets": "drwx------",
	} {
		fi, err := os.Stat(filepath.Join(d.Root, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := fi.Mode().String(); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Root); !os.IsNotExist(err) {
		t.Fatalf("not removed: %v", err)
	}
}

func TestSecretsOfAnUnknownUserAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can give directories away: nothing to refuse")
		return
	}
	d := allocdir.New(t.TempDir(), "a1")
	if err := d.Build(); err != nil {
		t.Fatal(err)
	}
	if err := d.BuildTask("server", "nobody"); err != nil {
		t.Fatal(err)
	}
	if err := d.BuildTask("other", "no such user"); err == nil {
		t.Fatal("made secrets for an unknown user")
	}
}

func TestATaskCannotReachOutOfItsAllocation(t *testing.T) {
	d := allocdir.New(t.TempDir(), "a1")
	if err := d.Build(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "alloc", "../x", "/etc", "a/b"} {
		if err := d.BuildTask(name, ""); err == nil {
			t.Errorf("made a directory for task %q", name)
		}
	}
}

func TestSecretsThatATaskMadeALinkOfAreNotGivenAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can give directories away: nothing to refuse")
		return
	}
	d := allocdir.New(t.TempDir(), "a1")
	if err := errors.Join(d.Build(), d.BuildTask("server", "nobody")); err != nil {
		t.Fatal(err)
	}
	outside, link := t.TempDir(), d.Secrets("server")
	if err := errors.Join(os.Remove(link), os.Symlink(outside, link)); err != nil {
		t.Fatal(err)
	}
	if err := d.BuildTask("server", "nobody"); err == nil {
		t.Error("went on with a link")
	}
	info, err := os.Stat(outside)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
		t.Errorf("what the link leads to belongs to user %d now", owner)
	}
}

func TestAUserMayBeNamedByItsID(t *testing.T) {
	d := allocdir.New(t.TempDir(), "a1")
	if err := errors.Join(d.Build(), d.BuildTask("server", strconv.Itoa(os.Geteuid()))); err != nil {
		t.Fatal(err)
	}
}
