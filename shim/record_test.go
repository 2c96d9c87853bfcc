package shim

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRecordsReadAsTheyWereWritten(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(0, time.Now().UnixNano())
	started := Started{ShimPID: 2, ShimStart: 3, PID: 4, PIDStart: 1 << 60, At: now, Boot: "b-c", Cgroup: "/sys/fs/x y"}
	stop := Stop{Signal: syscall.SIGTERM, Grace: 1500 * time.Millisecond}
	exit := Exit{Code: -1, Signal: 9, OOM: true, At: now, Err: "two\nlines", Swept: true}
	for name, content := range map[string][]byte{
		StartedFile: started.Encode(), StopFile: stop.Encode(), ExitFile: exit.Encode(),
	} {
		if err := WriteFile(filepath.Join(dir, name), content); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ReadStarted(dir); err != nil || *got != started {
		t.Errorf("read %+v, %v; wrote %+v", got, err, started)
	}
	if got, err := ReadStop(dir); err != nil || got != stop {
		t.Errorf("read %+v, %v; wrote %+v", got, err, stop)
	}
	exit.Err = "two lines"
	if got, err := ReadExit(dir); err != nil || *got != exit {
		t.Errorf("read %+v, %v; wrote %+v", got, err, exit)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("files %v, %v", left, err)
	}
}

func TestAnExitRecordHasItsReservedSizeWhateverHappened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Exit{Code: rapid.Int().Draw(t, "code"), At: time.Now(), Err: rapid.String().Draw(t, "err")}
		if n := len(e.Encode()); n != exitSize {
			t.Fatalf("%d bytes", n)
		}
	})
	if n := len((&Exit{Err: strings.Repeat("x", 10_000)}).Encode()); n != exitSize {
		t.Errorf("%d bytes", n)
	}
}

func TestAnIncompleteRecordIsNone(t *testing.T) {
	dir := t.TempDir()
	whole := (&Exit{At: time.Now()}).Encode()
	text := strings.TrimRight(string(whole), "\x00")
	for _, content := range []string{"", strings.Repeat("\x00", exitSize), text[:len(text)-1], text[:20], "end\n", "code x\n" + text[7:]} {
		if err := os.WriteFile(filepath.Join(dir, ExitFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if e, err := ReadExit(dir); !errors.Is(err, ErrNoRecord) {
			t.Errorf("%q: %+v, %v", content, e, err)
		}
	}
	if s, err := ReadStarted(dir); !errors.Is(err, ErrNoRecord) {
		t.Errorf("no file: %+v, %v", s, err)
	}
}
