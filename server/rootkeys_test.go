package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/server"
	"github.com/droverhq/drover/server/keyring"
)

// refused expects a server with its data in dir not to start, and why.
func refused(t *testing.T, dir, why string) {
	t.Helper()
	o := server.Options{DataDir: dir, Name: "one", HTTP: listen(t), Sessions: listen(t), Log: logr.Discard()}
	_, err := server.New(o)
	if err := errors.Join(o.HTTP.Close(), o.Sessions.Close()); err != nil {
		t.Error(err)
	}
	if !errors.Is(err, keyring.ErrKeystore) || !strings.Contains(err.Error(), why) {
		t.Errorf("it says %v", err)
	}
}

func TestAServerIsNotStartedWithoutItsKeystore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keystore")
	s := start(t, dir)
	until(s, "/v1/operator/keyring/keys", func(keys []api.RootKeyMeta) bool { return len(keys) == 1 })
	if code := s.do(http.MethodPut, "/v1/var/app", `{"Items":{"a":"b"}}`, nil); code != http.StatusOK {
		t.Fatal(code)
	}
	s.stop()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, b, mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "is missing, and the store has 1 root keys")
	put(good[:len(good)-3], 0o600)
	refused(t, dir, "is damaged: restore the file from a backup")
	put(good, 0o644)
	refused(t, dir, "chmod 600")
	other, err := keyring.MakeKeystore(filepath.Join(t.TempDir(), "keystore"))
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := os.ReadFile(other.Path())
	if err != nil {
		t.Fatal(err)
	}
	put(wrong, 0o600)
	refused(t, dir, "is that of another cluster")

	put(good, 0o600)
	s = start(t, dir)
	got := until(s, "/v1/var/app", func(v api.Variable) bool { return v.Path != "" })
	if got.Items["a"] != "b" {
		t.Errorf("%+v", got)
	}
}

func TestAllVariablesAreSealedAnewWithAFullRotation(t *testing.T) {
	const count = 40 // more than go into one transaction
	s := start(t, t.TempDir())
	until(s, "/v1/operator/keyring/keys", func(keys []api.RootKeyMeta) bool { return len(keys) == 1 })
	for i := range count {
		if code := s.do(http.MethodPut, fmt.Sprintf("/v1/var/v%d", i), fmt.Sprintf(`{"Items":{"n":"%d"}}`, i), nil); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	var rotated api.KeyringRotateResponse
	if code := s.do(http.MethodPut, "/v1/operator/keyring/rotate?full", "", &rotated); code != http.StatusOK {
		t.Fatal(code)
	}
	keys := until(s, "/v1/operator/keyring/keys", func(keys []api.RootKeyMeta) bool {
		return len(keys) == 2 && keys[0].State == api.RootKeyDeprecated && keys[1].State == api.RootKeyActive
	})
	if keys[1].KeyID != rotated.Key.KeyID {
		t.Errorf("%s is active", keys[1].KeyID)
	}
	if code := s.do(http.MethodDelete, "/v1/operator/keyring/key/"+keys[0].KeyID, "", nil); code != http.StatusOK {
		t.Errorf("a deprecated key can't be removed: %d", code)
	}
	for i := range count {
		var v api.Variable
		if s.do(http.MethodGet, fmt.Sprintf("/v1/var/v%d", i), "", &v); v.Items["n"] != fmt.Sprint(i) {
			t.Errorf("%+v", v)
		}
	}
}
