package main

import (
	"os"
	"testing"

	"github.com/droverhq/drover/config"
)

func TestTasksOfAllUsersPassThroughADevAgentsFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var cfg config.Agent
	done, err := dataDir(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(cfg.DataDir); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
	if err := done(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cfg.DataDir); !os.IsNotExist(err) {
		t.Errorf("the folder is left behind: %v", err)
	}
}
