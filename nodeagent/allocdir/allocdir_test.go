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

func TestSecretsAreKeptInMemoryUntilTheyAreForgotten(t *testing.T) {
	if err := allocdir.ProbeSecrets(); err != nil {
		t.Skip("secrets in memory were not tried: " + err.Error())
	}
	d := allocdir.New(t.TempDir(), "a1")
	secret := filepath.Join(d.Secrets("server"), "key")
	for range 2 { // the second time changes nothing
		if err := errors.Join(d.Build(), d.BuildTask("server", "nobody"), d.MountSecrets("server", "nobody", 2)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(secret, make([]byte, 2<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(secret, make([]byte, 3<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("more than they may hold: %v", err)
	}
	info, err := os.Stat(d.Secrets("server"))
	if err != nil || info.Mode().Perm() != 0o700 || info.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("%v, %v", info, err)
	}
	if err := d.UnmountSecrets(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(secret); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if err := errors.Join(d.MountSecrets("server", "", 0), d.Remove()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Root); !os.IsNotExist(err) {
		t.Error("not removed")
	}
}

func TestSecretsAreNotMountedWhereALinkLeads(t *testing.T) {
	if err := allocdir.ProbeSecrets(); err != nil {
		t.Skip("secrets in memory were not tried: " + err.Error())
	}
	d := allocdir.New(t.TempDir(), "a1")
	outside := t.TempDir()
	if err := errors.Join(d.Build(), d.BuildTask("server", ""), os.Remove(d.Secrets("server")), os.Symlink(outside, d.Secrets("server"))); err != nil {
		t.Fatal(err)
	}
	if err := d.MountSecrets("server", "", 1); err == nil {
		t.Error("mounted through a link")
	}
}
