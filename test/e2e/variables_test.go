package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATaskFollowsTheVariablesOfItsJobAndReadsNoOthers(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	a.Must(0, "job", "run", "-detach", "secret.nomad.hcl")
	alloc := ""
	placed := func() {
		t.Helper()
		before := alloc
		a.Await("another instance", func(ctx context.Context) bool {
			for _, next := range a.Allocs(ctx, "secret") {
				alloc = next.ID
			}
			return alloc != before
		})
	}
	placed()
	says := func(texts ...string) {
		t.Helper()
		a.Await("the task to say "+strings.Join(texts, ", "), func(context.Context) bool {
			out, _ := a.Drover("alloc", "logs", alloc)
			for _, text := range texts {
				if !strings.Contains(out, text) {
					return false
				}
			}
			return true
		})
	}
	explains := func(text string) {
		t.Helper()
		a.Await("the task's events to say "+text, func(context.Context) bool {
			out, _ := a.Drover("alloc", "status", alloc)
			return strings.Contains(out, text)
		})
	}
	explains("nomad.var.block(nomad/jobs/secret@default.global)")
	a.Must(0, "var", "put", "nomad/jobs/secret", "pass=one")
	a.Must(0, "var", "put", "app/other", "pass=theirs")
	says("nomad/jobs/secret nomad/jobs/secret \nown false", "with one")
	a.Must(0, "var", "put", "-force", "nomad/jobs/secret", "pass=two")
	says("with two")
	a.Must(0, "var", "put", "nomad/jobs/secret/g/t", "a=b")
	says("own true")

	a.Kill()
	a.Start()
	contains(t, a.Must(0, "var", "get", "-item", "pass", "nomad/jobs/secret"), "two")
	a.Must(0, "var", "put", "-force", "nomad/jobs/secret", "pass=three")
	says("with three")

	a.Must(0, "job", "stop", "-purge", "-detach", "secret")
	a.Must(0, "job", "run", "-detach", "-var", "path=app/other", "secret.nomad.hcl")
	placed()
	explains(`task t may not read the variable "app/other" of namespace "default"`)
}

func TestVariablesAreKeptByCommand(t *testing.T) {
	t.Parallel()
	a := newAgent(t)
	dir := t.TempDir()
	spec := filepath.Join(dir, "spec.nv.hcl")
	contains(t, a.Must(0, "var", "init", spec), "Example variable specification written to "+spec)
	contains(t, a.Must(1, "var", "init", spec), "exists already")
	contains(t, a.Must(0, "var", "put", "@"+spec, "key2=", "from="+`\@home`), `"Path": "path/to/variable"`, `"key1": "value 1"`, `"from": "@home"`)
	if out := a.Must(0, "var", "get", "path/to/variable"); strings.Contains(out, "key2") {
		t.Errorf("an item that was left out is there:\n%s", out)
	}
	contains(t, a.Must(1, "var", "put", "@"+spec), "Check-and-Set conflict", "already")
	value := filepath.Join(dir, "value")
	if err := os.WriteFile(value, []byte("a: ${b} \"c\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Must(0, "var", "put", "-force", "app/db", "file=@"+value)
	again := filepath.Join(dir, "again.hcl")
	if err := os.WriteFile(again, []byte(a.Must(0, "var", "get", "-out", "hcl", "app/db")), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, a.Must(0, "var", "put", "@"+again, "more=x"), `"file": "a: ${b} \"c\"\n"`, `"more": "x"`)
	contains(t, a.Must(1, "var", "put", "@"+again), "Check-and-Set conflict", "-check-index=")
	contains(t, a.Must(0, "var", "put", "-out", "table", "copy", "@"+again), "Path        = copy", "Items")
	contains(t, a.Must(0, "var", "get", "-out", "go-template", "-template", "{{.Items.more}}", "app/db"), "x")
	contains(t, a.Must(1, "var", "get", "-out", "xml", "app/db"), "valid values")
	contains(t, a.Must(0, "var", "list", "-out", "terse"), "app/db\ncopy\npath/to/variable\n")
	contains(t, a.Must(0, "var", "list", "-out", "table", "app"), "Last Updated", "app/db")
	contains(t, a.Must(1, "var", "purge", "-check-index", "1", "app/db"), "Check-and-Set conflict")
	contains(t, a.Must(0, "var", "purge", "app/db"), `Successfully purged variable "app/db"!`)
	contains(t, a.Must(1, "var", "get", "app/db"), "Variable not found")

	contains(t, a.Must(0, "operator", "root", "keyring", "rotate", "-full"), "active")
	a.Await("all variables to be sealed anew", func(context.Context) bool {
		return strings.Contains(a.Must(0, "operator", "root", "keyring", "list"), "deprecated")
	})
	contains(t, a.Must(0, "var", "get", "-item", "from", "path/to/variable"), "@home")
}
