package raft

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAnInterruptedOpeningIsUndone(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		gone  []string
	}{
		{"a new log with nothing in it, before an older one", map[string]string{"h/1/000009.log": "x", "h/1/000010.log": ""}, []string{"h/1/000010.log"}},
		{"numbers, not names, are compared", map[string]string{"h/1/999999.log": "x", "h/1/1000000.log": ""}, []string{"h/1/1000000.log"}},
		{"the only log is kept", map[string]string{"h/1/000010.log": ""}, nil},
		{"the newest has records", map[string]string{"h/1/000009.log": "", "h/1/000010.log": "x"}, nil},
		{"other files don't count", map[string]string{"h/1/000009.log": "x", "h/1/000010.sst": "", "h/1/LOG.log": ""}, nil},
		{
			"each folder by itself",
			map[string]string{"h/1/000009.log": "x", "h/1/000010.log": "x", "h/2/000003.log": "x", "h/2/000004.log": ""},
			[]string{"h/2/000004.log"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range test.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := undoInterruptedOpen(dir); err != nil {
				t.Fatal(err)
			}
			for name := range test.files {
				_, err := os.Stat(filepath.Join(dir, name))
				if gone := os.IsNotExist(err); gone != slices.Contains(test.gone, name) {
					t.Errorf("%s: gone is %v", name, gone)
				}
			}
		})
	}
}

func TestANewDirectoryHasNoInterruptedOpening(t *testing.T) {
	if err := undoInterruptedOpen(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Fatal(err)
	}
}
