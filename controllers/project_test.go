package controllers_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/controllers"
	"github.com/droverhq/drover/reconcile"
	"github.com/droverhq/drover/store/mem"
)

// resource is an entry of the file PROJECT.
var resource = regexp.MustCompile(`(?m)^- kind: ([\w.]+)\n(?:  controller: (.+)\n)?(?:  remover: (.+)\n)?`)

func TestProjectNamesTheControllersOfEveryKind(t *testing.T) {
	text, err := os.ReadFile("../PROJECT")
	if err != nil {
		t.Fatal(err)
	}
	_, resources, _ := strings.Cut(string(text), "resources:\n")
	resources, _, _ = strings.Cut(resources, "version:")
	if rest := resource.ReplaceAllString(resources, ""); rest != "" {
		t.Errorf("PROJECT: these lines are in no form that is known:\n%s", rest)
	}
	got := make(map[api.Kind][2]string)
	for _, m := range resource.FindAllStringSubmatch(resources, -1) {
		got[api.Kind(m[1])] = [2]string{m[2], m[3]}
	}
	want := registered(t)
	for kind := range got {
		if _, known := want[kind]; !known {
			t.Errorf("PROJECT: there is no kind %s", kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(want)) {
		if at, ok := got[kind]; !ok || at != want[kind] {
			t.Errorf("PROJECT: %s should have controller %q, remover %q; it has %q", kind, want[kind][0], want[kind][1], at)
		}
	}
}

// registered returns which controllers write every kind, and which remove it.
func registered(t *testing.T) map[api.Kind][2]string {
	t.Helper()
	s := mem.New(mem.Options{ServerID: "server-1"})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: "server-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := controllers.Register(m, controllers.Options{}); err != nil {
		t.Fatal(err)
	}
	writers, removers := make(map[api.Kind][]string), make(map[api.Kind][]string)
	for _, c := range m.Graph() {
		for _, out := range c.Outputs {
			if out.Ownership == reconcile.Removes {
				removers[out.Kind] = append(removers[out.Kind], c.Name)
			} else {
				writers[out.Kind] = append(writers[out.Kind], c.Name)
			}
		}
	}
	list := func(names []string) string { return strings.Join(slices.Sorted(slices.Values(names)), ", ") }
	out := make(map[api.Kind][2]string)
	for _, kind := range api.Kinds() {
		out[kind] = [2]string{list(writers[kind]), list(removers[kind])}
	}
	for kind := range writers { // author-defined ones, too
		out[kind] = [2]string{list(writers[kind]), list(removers[kind])}
	}
	return out
}
