package fingerprint_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/droverhq/drover/nodeagent/fingerprint"
)

// changes watches until the test ends.
func changes(t *testing.T, folders ...string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changed, wait, err := fingerprint.Changes(ctx, folders)
	t.Cleanup(func() { cancel(); wait() })
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestAFileThatIsPutInAFolderIsToldOf(t *testing.T) {
	dir := t.TempDir()
	changed := changes(t, dir, filepath.Join(dir, "none"))
	if err := os.WriteFile(filepath.Join(dir, "net.conflist"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-changed
}

func TestAnAddressThatIsAddedIsToldOf(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: it takes root to make a network namespace")
	}
	runtime.LockOSThread() // for good: the thread stays in the namespace, and ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	changed := changes(t)
	if out, err := exec.Command("ip", "address", "add", "192.0.2.1/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("add an address: %v: %s", err, out)
	}
	<-changed
}
