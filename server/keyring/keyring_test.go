package keyring

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/mem"
)

func made(t testing.TB) *Keystore {
	t.Helper()
	k, err := MakeKeystore(filepath.Join(t.TempDir(), "keystore"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// stored returns a snapshot of a store with these objects.
func stored(t testing.TB, objects ...api.Object) store.Snapshot {
	t.Helper()
	s := mem.New(mem.Options{})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var txn store.Txn
	for _, o := range objects {
		txn.Writes = append(txn.Writes, store.Put(o))
	}
	if _, err := s.Apply(t.Context(), txn); err != nil {
		t.Fatal(err)
	}
	return s.Snapshot()
}

func newKey(t testing.TB, k *Keyring) *api.RootKey {
	t.Helper()
	key, err := k.NewKey(time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func secret() *api.Variable {
	return &api.Variable{Namespace: "default", Path: "app/db", CreateTime: 1, ModifyTime: 2, Items: map[string]string{"user": "u", "pass": "hunter2"}}
}

func TestWhatWasSealedIsReadAgainAlsoByAnotherServerWithTheSameKeystore(t *testing.T) {
	keystore := made(t)
	one := New(keystore)
	s := stored(t, newKey(t, one))
	sealed, err := one.Seal(s, secret())
	if err != nil {
		t.Fatal(err)
	}
	for _, clear := range []string{"hunter2", "pass", "user"} {
		if strings.Contains(string(sealed.Sealed), clear) {
			t.Errorf("%q stands in what is stored", clear)
		}
	}
	again, err := OpenKeystore(keystore.Path())
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(again).Open(s, sealed)
	if err != nil || !maps.Equal(v.Items, secret().Items) || v.Path != "app/db" || v.CreateTime != 1 || v.ModifyTime != 2 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestNoBitOfWhatIsSealedCanBeChanged(t *testing.T) {
	k := New(made(t))
	key := newKey(t, k)
	s := stored(t, key)
	sealed, err := k.Seal(s, secret())
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(sealed.Sealed) {
		changed := *sealed
		changed.Sealed = []byte(string(sealed.Sealed))
		changed.Sealed[bit/8] ^= 1 << (bit % 8)
		if _, err := k.Open(s, &changed); !errors.Is(err, ErrNoKey) {
			t.Fatalf("bit %d of a variable: %v", bit, err)
		}
	}
	for bit := range 8 * len(key.Wrapped) {
		changed := *key
		changed.ID, changed.Wrapped = key.ID, []byte(string(key.Wrapped))
		changed.Wrapped[bit/8] ^= 1 << (bit % 8)
		if err := New(k.keystore).Usable(&changed); !errors.Is(err, ErrNoKey) {
			t.Fatalf("bit %d of a root key: %v", bit, err)
		}
	}
	for n := range sealed.Sealed {
		short := *sealed
		short.Sealed = sealed.Sealed[:n]
		if _, err := k.Open(s, &short); !errors.Is(err, ErrNoKey) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

func TestWhatIsSealedCantBePutElsewhere(t *testing.T) {
	k := New(made(t))
	a, b := newKey(t, k), newKey(t, k)
	b.State = api.RootKeyInactive
	s := stored(t, a, b)
	sealed, err := k.Seal(s, secret())
	if err != nil {
		t.Fatal(err)
	}
	for what, move := range map[string]func(v *api.SealedVariable){
		"path":      func(v *api.SealedVariable) { v.Path = "app/other" },
		"namespace": func(v *api.SealedVariable) { v.Namespace = "other" },
		"both":      func(v *api.SealedVariable) { v.Namespace, v.Path = "defaultapp", "/db" },
		"key":       func(v *api.SealedVariable) { v.KeyID = b.ID },
	} {
		moved := *sealed
		move(&moved)
		if _, err := k.Open(s, &moved); !errors.Is(err, ErrNoKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	renamed := *a
	renamed.ID = b.ID
	if err := New(k.keystore).Usable(&renamed); !errors.Is(err, ErrNoKey) {
		t.Errorf("a root key under the ID of another: %v", err)
	}
}

func TestTheKeystoreOfAnotherClusterOpensNothingAndSaysWhatIsMissing(t *testing.T) {
	mine, theirs := New(made(t)), New(made(t))
	key := newKey(t, mine)
	s := stored(t, key)
	sealed, err := mine.Seal(s, secret())
	if err != nil {
		t.Fatal(err)
	}
	_, err = theirs.Open(s, sealed)
	if !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), key.KEK) || !strings.Contains(err.Error(), theirs.keystore.Path()) {
		t.Errorf("%v", err)
	}
	// With the line of the other keystore behind its own it opens both.
	both := filepath.Join(t.TempDir(), "both")
	var text []byte
	for _, k := range []*Keyring{theirs, mine} {
		b, err := os.ReadFile(k.keystore.Path())
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, b...)
	}
	if err := os.WriteFile(both, text, 0o600); err != nil {
		t.Fatal(err)
	}
	joined, err := OpenKeystore(both)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := New(joined).Open(s, sealed); err != nil || v.Items["pass"] != "hunter2" {
		t.Errorf("%v, %v", v, err)
	}
	if next := newKey(t, New(joined)); next.KEK != theirs.keystore.first {
		t.Errorf("a new key is wrapped with %s", next.KEK)
	}
}

func TestAKeystoreThatCantBeTrustedIsRefused(t *testing.T) {
	path := made(t).Path()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(good)), "\n")
	line := lines[len(lines)-1]
	for what, text := range map[string]string{
		"damaged":      strings.Replace(string(good), line, line[:20]+string(line[20]^1)+line[21:], 1),
		"cut off":      string(good[:len(good)-5]),
		"empty":        "",
		"only remarks": "# nothing\n",
		"short key":    kekID([]byte("short")) + " " + base64.StdEncoding.EncodeToString([]byte("short")) + "\n",
		"noise":        "\x00\xff\n",
	} {
		bad := filepath.Join(t.TempDir(), "keystore")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeystore(bad); !errors.Is(err, ErrKeystore) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeystore(path); !errors.Is(err, ErrKeystore) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("open to its group: %v", err)
	}
	if _, err := OpenKeystore(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := MakeKeystore(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over another: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(good) {
		t.Errorf("the keystore is not what it was: %v", err)
	}
}

func FuzzKeystore(f *testing.F) {
	f.Add([]byte("# x\nabc def\n"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parse("p", b)
		if (k == nil) == (err == nil) || k != nil && k.ciphers[k.first] == nil {
			t.Fatalf("%v, %v", k, err)
		}
	})
}

func FuzzBound(f *testing.F) {
	f.Add("a", "b", "ab", "")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		if same := a == c && b == d; same != (string(bound(a, b)) == string(bound(c, d))) {
			t.Fatalf("%q %q and %q %q", a, b, c, d)
		}
	})
}
