package hook_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/hook"
)

func TestAPayloadIsNotWrittenToAPipe(t *testing.T) {
	s := start(t, &api.Task{Name: "t", DispatchPayload: &api.DispatchPayloadConfig{File: "input"}})
	place := filepath.Join(s.Dir.Local("t"), "input")
	if err := errors.Join(s.Dir.Build(), s.Dir.BuildTask("t", ""), syscall.Mkfifo(place, 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := hook.Run(t.Context(), hook.Default(), s); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(place); err != nil || string(got) != "hello" {
		t.Errorf("payload %q, %v", got, err)
	}
}
