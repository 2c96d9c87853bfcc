package backup_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store/backup"
	"github.com/droverhq/drover/store/keys"
)

type record struct{ key, value string }

func write(t fataler, index uint64, records []record) []byte {
	var b bytes.Buffer
	w, err := backup.NewWriter(&b, backup.Header{Index: index})
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	for _, r := range records {
		if err := w.Add([]byte(r.key), []byte(r.value)); err != nil {
			t.Fatalf("add: %v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return b.Bytes()
}

type fataler interface{ Fatalf(string, ...any) }

func read(r io.Reader) (header backup.Header, records []record, err error) {
	header, err = backup.Read(r, func(key, value []byte) error {
		records = append(records, record{string(key), string(value)})
		return nil
	})
	return header, records, err
}

func some(n int) []record {
	var out []record
	for i := range n {
		key := keys.Append(nil, api.Key{Kind: api.KindNode, ID: fmt.Sprintf("%06d", i)})
		out = append(out, record{string(key), fmt.Sprint("value ", i*i)})
	}
	return out
}

func TestABackupReadsAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := some(rapid.IntRange(0, 20_000).Draw(t, "records"))
		index := rapid.Uint64().Draw(t, "index")
		header, got, err := read(iotest.OneByteReader(bytes.NewReader(write(t, index, want[:min(len(want), 50)]))))
		if err != nil || header.Index != index || !slices.Equal(got, want[:min(len(want), 50)]) {
			t.Fatalf("byte by byte: index %d, %d records, error %v", header.Index, len(got), err)
		}
		header, got, err = read(bytes.NewReader(write(t, index, want)))
		if err != nil || header.Index != index || !slices.Equal(got, want) {
			t.Fatalf("index %d, %d records, error %v", header.Index, len(got), err)
		}
	})
}

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	whole := write(t, 7, some(100))
	for i := range whole {
		for _, bit := range []byte{0x01, 0x80} {
			bad := bytes.Clone(whole)
			bad[i] ^= bit
			var invalid *api.InvalidError
			if _, _, err := read(bytes.NewReader(bad)); !errors.As(err, &invalid) {
				t.Fatalf("byte %d: error is %v, want an InvalidError", i, err)
			}
		}
	}
	for i := range whole {
		if _, _, err := read(bytes.NewReader(whole[:i])); err == nil {
			t.Fatalf("no error from the first %d bytes", i)
		}
	}
}

func TestRecordsOutOfOrderAreRefused(t *testing.T) {
	w, err := backup.NewWriter(io.Discard, backup.Header{})
	if err != nil {
		t.Fatal(err)
	}
	two := some(2)
	if err := w.Add([]byte(two[1].key), nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range two {
		if err := w.Add([]byte(r.key), nil); err == nil {
			t.Fatalf("%q was added behind %q", r.key, two[1].key)
		}
	}
}

func TestErrorsOfTheReaderAreNotTakenForDamage(t *testing.T) {
	whole := write(t, 7, some(100))
	broken := errors.New("connection lost")
	_, _, err := read(io.MultiReader(bytes.NewReader(whole[:100]), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Fatalf("error is %v, want %v", err, broken)
	}
}

// FuzzRead reads what users may hand in as a backup.
func FuzzRead(f *testing.F) {
	f.Add(write(f, 1, nil))
	f.Add(write(f, 2, some(3)))
	f.Add([]byte("DRVRSAVE"))
	f.Fuzz(func(t *testing.T, b []byte) {
		header, records, err := read(bytes.NewReader(b))
		if err != nil {
			var invalid *api.InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("error is %v, want an InvalidError", err)
			}
			return
		}
		if _, again, err := read(bytes.NewReader(write(t, header.Index, records))); err != nil || !slices.Equal(again, records) {
			t.Fatalf("written again, it has %d records instead of %d, error %v", len(again), len(records), err)
		}
	})
}
