package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/droverhq/drover/"

// allowed says, for every folder at the top of the module, which other folders its
// packages may import. Packages of one folder may import each other, subject to
// the rules of their own below.
var allowed = map[string][]string{
	"api":         {},
	"cron":        {"api"},
	"jobspec":     {"api", "cron"},
	"kindspec":    {"api"},
	"config":      {"api"},
	"session":     {"api"},
	"shim":        {},
	"store":       {"api"},
	"reconcile":   {"api", "store"},
	"scheduler":   {"api"},
	"health":      {"api"},
	"controllers": {"api", "cron", "store", "reconcile", "scheduler", "health"},
	"server":      {"api", "cron", "jobspec", "kindspec", "config", "session", "store", "reconcile", "scheduler", "health", "controllers", "ui"},
	"nodeagent":   {"api", "session", "shim"},
	"cli":         {"api", "cron", "jobspec", "kindspec", "config"},
	"ui":          {},
	"examples":    {"api", "store", "reconcile"},
	"cmd":         {"api", "cron", "jobspec", "kindspec", "config", "session", "shim", "store", "reconcile", "scheduler", "health", "controllers", "server", "nodeagent", "cli", "ui"},
	"test":        {"api", "cron", "jobspec", "kindspec", "config", "session", "shim", "store", "reconcile", "scheduler", "health", "controllers", "server", "nodeagent", "cli", "ui", "examples"},
	"hack":        {"api", "kindspec", "store", "reconcile", "controllers"},
}

// onlyImporters names the packages that alone may import a library.
var onlyImporters = map[string][]string{
	"github.com/cockroachdb/pebble/v2": {"store/fsm"},
	"github.com/lni/dragonboat/v3":     {"store/raft"},
	"go.uber.org/zap":                  {"cmd/drover"},
	"github.com/spf13/cobra":           {"cli"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func (p pkg) path() string { return strings.TrimPrefix(p.ImportPath, module) }

func top(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		rules, known := allowed[top(p.path())]
		if !known {
			t.Errorf("%s: folder %s is not in the import table", p.path(), top(p.path()))
			continue
		}
		for _, imp := range p.Imports {
			path, own := strings.CutPrefix(imp, module)
			if own && top(path) != top(p.path()) && !slices.Contains(rules, top(path)) {
				t.Errorf("%s must not import %s", p.path(), path)
			}
		}
	}
}

func TestLibrariesAreConfined(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for lib, importers := range onlyImporters {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.ContainsFunc(importers, within(p.path())) {
					t.Errorf("%s must not import %s: only %v may", p.path(), imp, importers)
				}
			}
		}
	}
}

func within(path string) func(string) bool {
	return func(folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
}

func TestControllersDoNotKnowEachOther(t *testing.T) {
	for _, p := range packages(t) {
		own, isController := strings.CutPrefix(p.path(), "controllers/")
		if own == "scenario" {
			continue // the kit that tests of controllers share plays operators, too
		}
		for _, imp := range p.Imports {
			other, ok := strings.CutPrefix(imp, module+"controllers/")
			if isController && ok && top(own) != top(other) {
				t.Errorf("controller %s must not import controller %s", own, other)
			}
		}
	}
}

// What a controller is made of is its own affair: others see its package, not those below it.
func TestSubpackagesOfAControllerAreItsOwn(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			inner, ok := strings.CutPrefix(imp, module+"controllers/")
			if ok && strings.Contains(inner, "/") && !within(p.path())("controllers/"+top(inner)) {
				t.Errorf("%s must not import %s: only controller %s may", p.path(), imp, top(inner))
			}
		}
	}
}

// lists are the packages that name all of a kind; what they list must not import
// them.
var lists = []string{"controllers", "nodeagent/drivers", "nodeagent/fingerprint"}

func TestSubpackagesDoNotImportTheirList(t *testing.T) {
	for _, p := range packages(t) {
		for _, list := range lists {
			if strings.HasPrefix(p.path(), list+"/") && slices.Contains(p.Imports, module+list) {
				t.Errorf("%s must not import %s, which lists it", p.path(), list)
			}
		}
	}
}
