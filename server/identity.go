package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// identity returns the server's ID, which is made once and kept in a file.
func identity(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(b))
		if err := uuid.Validate(id); err != nil {
			return "", fmt.Errorf("the server's ID in %s is damaged (%w): restore the file, or the whole folder, from a backup", path, err)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the server's ID: %w", err)
	}
	id := uuid.NewString()
	if err := writeDurably(path, id+"\n"); err != nil {
		return "", fmt.Errorf("keep the server's ID: %w", err)
	}
	return id, nil
}

// writeDurably makes a file appear whole or not at all, also when power fails.
func writeDurably(path, text string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".id-*")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
