package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers"
	"github.com/droverhq/drover/kindspec"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store/mem"
)

//go:embed layout
var layout embed.FS

const module = "github.com/droverhq/drover"

// files are the files of a controller's folder, by the template of each.
var files = map[string]string{
	"doc.go.tmpl":        "doc.go",
	"controller.go.tmpl": "controller.go",
	"plan.go.tmpl":       "plan.go",
	"plan_test.go.tmpl":  "plan_test.go",
	"first.txt.tmpl":     "testdata/first.txt",
}

// words are what the templates say.
type words struct {
	Name, Module, Kind, Type, KindExpr, OutExpr, Key string
	Authored                                         bool
}

// lay makes a controller in the repository at root, and returns its folder.
func lay(root, name, kind string) (string, error) {
	w, err := choose(name, kind)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(root, "controllers", name)
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("controller %q: %s is there already", name, folder)
	}
	list, err := listed(filepath.Join(root, "controllers", "controllers.go"), name)
	if err != nil {
		return "", err
	}
	project, err := recorded(filepath.Join(root, "PROJECT"), w)
	if err != nil {
		return "", err
	}
	for from, to := range files {
		if err := w.write(from, filepath.Join(folder, to)); err != nil {
			return "", err
		}
	}
	return folder, errors.Join(
		os.WriteFile(filepath.Join(root, "controllers", "controllers.go"), list, 0o644),
		os.WriteFile(filepath.Join(root, "PROJECT"), project, 0o644),
	)
}

var goodName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// choose says what the templates say, or what is wrong with the names.
func choose(name, kind string) (words, error) {
	w := words{Name: name, Module: module, Kind: kind, Key: "a"}
	switch {
	case !goodName.MatchString(name), token.IsKeyword(name):
		return w, fmt.Errorf("NAME=%q: it must be one lower-case word, as Go wants of a package: NAME=backup", name)
	case slices.Contains([]string{"errors", "reconcile", "controllers", "scenario", "api", "store", "testdata", "m", "o"}, name):
		return w, fmt.Errorf("NAME=%q is taken: choose another word", name)
	case slices.Contains(api.Kinds(), api.Kind(kind)) && kind != string(api.KindLeadership):
		w.Type, w.KindExpr, w.OutExpr = "api."+kind, "api.Kind"+kind, "api.Kind"+kind
		if kind == string(api.KindJobVersion) || kind == string(api.KindJobSubmission) {
			w.Key = "a@0"
		}
		return w, free(api.Kind(kind))
	}
	if err := kindspec.CheckName(kind); err != nil {
		return w, fmt.Errorf("KIND=%q is neither a kind of drover (as KIND=Node) nor one that authors can define: %w", kind, err)
	}
	w.Type, w.KindExpr, w.OutExpr, w.Authored = "api.Resource", "Kind", "api.StatusKind(Kind)", true
	return w, free(api.StatusKind(api.Kind(kind)))
}

// free reports who writes a kind alone.
func free(kind api.Kind) error {
	s := mem.New(mem.Options{})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "mem"})
	if err == nil {
		err = controllers.Register(m, controllers.Options{})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	for _, c := range m.Graph() {
		for _, out := range c.Outputs {
			if out.Kind == kind && out.Ownership == reconcile.Exclusive {
				return fmt.Errorf("controller %s alone writes objects of kind %s: give your controller a kind of its own (as KIND=backup_policy)", c.Name, kind)
			}
		}
	}
	return nil
}

func (w words) write(from, to string) error {
	t, err := template.ParseFS(layout, "layout/"+from)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, w); err != nil {
		return err
	}
	text := b.Bytes()
	if strings.HasSuffix(to, ".go") {
		if text, err = format.Source(text); err != nil {
			return fmt.Errorf("format %s: %w", to, err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// listed returns the list of controllers with one more.
func listed(path, name string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	const imports, end = "\t\"" + module + "/reconcile\"\n", "\n\t)\n}\n"
	s := string(text)
	if strings.Count(s, imports) != 1 || !strings.HasSuffix(s, end) {
		return nil, fmt.Errorf("%s does not end in the list of controllers", path)
	}
	s = strings.Replace(s, imports, fmt.Sprintf("\t%q\n%s", module+"/controllers/"+name, imports), 1)
	s = strings.TrimSuffix(s, end) + fmt.Sprintf("\n\t\t%s.Register(m),", name) + end
	return format.Source([]byte(s))
}

// recorded returns PROJECT with the controller among those that write its kind.
func recorded(path string, w words) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	kind := w.Kind
	if w.Authored {
		kind = string(api.StatusKind(api.Kind(kind)))
	}
	entry := regexp.MustCompile(`(?m)^- kind: ` + regexp.QuoteMeta(kind) + `\n(?:  controller: (.+)\n)?`)
	s := string(text)
	at := entry.FindStringSubmatchIndex(s)
	if at == nil {
		before, after, found := strings.Cut(s, "version:")
		if !found {
			return nil, fmt.Errorf("%s has no version", path)
		}
		return []byte(before + "- kind: " + kind + "\n  controller: " + w.Name + "\nversion:" + after), nil
	}
	names := []string{w.Name}
	if at[2] >= 0 {
		names = append(names, strings.Split(s[at[2]:at[3]], ", ")...)
	}
	slices.Sort(names)
	return []byte(s[:at[0]] + "- kind: " + kind + "\n  controller: " + strings.Join(names, ", ") + "\n" + s[at[1]:]), nil
}
