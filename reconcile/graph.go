package reconcile

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// Relation says why a controller reads a kind.
type Relation string

// The relations.
const (
	RelationFor     Relation = "for"
	RelationOwns    Relation = "owns"
	RelationWatches Relation = "watches"
	RelationLists   Relation = "lists" // read when a term starts, but not waking
)

// Input is a kind that wakes a controller.
type Input struct {
	Kind     api.Kind
	Relation Relation
}

// Output is a kind that a controller writes.
type Output struct {
	Kind      api.Kind
	Ownership Ownership
}

// ControllerInfo is what a controller declared.
type ControllerInfo struct {
	Name    string
	For     api.Kind
	Inputs  []Input  // in the order of declaration
	Outputs []Output // by kind
}

func (s *spec) info() ControllerInfo {
	info := ControllerInfo{Name: s.name, For: s.forKind}
	for _, src := range s.sources {
		info.Inputs = append(info.Inputs, Input{src.kind, src.relation})
	}
	for kind, ownership := range s.outputs {
		info.Outputs = append(info.Outputs, Output{kind, ownership})
	}
	slices.SortFunc(info.Outputs, func(a, b Output) int { return cmp.Compare(a.Kind, b.Kind) })
	return info
}

// WriteGraph writes who reads and writes what, as a Markdown table.
func WriteGraph(w io.Writer, controllers []ControllerInfo) error {
	var b strings.Builder
	b.WriteString("| controller | for | woken by | writes | removes |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range controllers {
		var inputs, writes, removes []string
		for _, in := range c.Inputs {
			kind := string(in.Kind)
			if in.Relation != RelationLists && in.Kind != c.For && !slices.Contains(inputs, kind) {
				inputs = append(inputs, kind)
			}
		}
		for _, out := range c.Outputs {
			switch out.Ownership {
			case Removes:
				removes = append(removes, string(out.Kind))
			case Shared:
				writes = append(writes, string(out.Kind)+" (shared)")
			default:
				writes = append(writes, string(out.Kind))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.Name, c.For,
			strings.Join(inputs, ", "), strings.Join(writes, ", "), strings.Join(removes, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
