package keyring

import (
	"bufio"
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrKeystore says that the keystore of a server is missing, damaged, open to others, or
// that of another cluster.
var ErrKeystore = errors.New("the keystore can't be used")

// Keystore is the key-encryption keys of a server. It does not change.
type Keystore struct {
	path    string
	first   string                 // the ID of the key that new root keys are wrapped with
	ciphers map[string]cipher.AEAD // by ID
}

// OpenKeystore reads a keystore. Errors: fs.ErrNotExist if there is none, else
// ErrKeystore with what is wrong and what to do.
func OpenKeystore(path string) (*Keystore, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return nil, fmt.Errorf("%w: %s can be read by others (mode %04o): chmod 600 %[2]s", ErrKeystore, path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	return parse(path, b)
}

// parse reads lines of an ID and a key in base64; # begins a remark.
func parse(path string, b []byte) (*Keystore, error) {
	k := &Keystore{path: path, ciphers: map[string]cipher.AEAD{}}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, text, _ := strings.Cut(line, " ")
		key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
		if err != nil || len(key) != keyBytes || id != kekID(key) {
			return nil, fmt.Errorf("%w: line %d of %s is damaged: restore the file from a backup", ErrKeystore, n, path)
		}
		if k.ciphers[id], err = newCipher(key); err != nil {
			return nil, err
		}
		if k.first == "" {
			k.first = id
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeystore, path, err)
	}
	if k.first == "" {
		return nil, fmt.Errorf("%w: there is no key in %s: restore the file from a backup", ErrKeystore, path)
	}
	return k, nil
}

// kekID is the ID of a key-encryption key: it tells a damaged line from a whole one, and
// says nothing else of the key.
func kekID(key []byte) string {
	sum := sha256.Sum256(append([]byte("drover key-encryption key\x00"), key...))
	return hex.EncodeToString(sum[:8])
}

const remark = `# The key that encrypts the keys of this cluster's variables: whoever has it and a
# snapshot can read them all, and without it nobody can. Keep a copy in a safe place
# that is not that of the snapshots. New keys are wrapped with the first line's.
`

// MakeKeystore makes a keystore with a new key, durably, where none is.
func MakeKeystore(path string) (*Keystore, error) {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key-encryption key: %w", err)
	}
	text := []byte(remark + kekID(key) + " " + base64.StdEncoding.EncodeToString(key) + "\n")
	if err := writeOnce(path, text); err != nil {
		return nil, fmt.Errorf("keep the key-encryption key: %w", err)
	}
	return parse(path, text)
}

// writeOnce makes a file appear whole or not at all, also when power fails, and replaces
// none.
func writeOnce(path string, text []byte) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w", path, fs.ErrExist))
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".keystore-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path)
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Path is where the keystore is.
func (k *Keystore) Path() string { return k.path }
