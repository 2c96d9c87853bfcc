package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/droverhq/drover/api"
)

// diffText shows the difference between two versions of a job. Blocks that are
// wholly new or gone are only named, unless verbose.
func (c *cli) diffText(d *api.JobDiff, verbose bool) string {
	w := &diffWriter{verbose: verbose, color: c.colors()}
	w.line(0, d.Type, fmt.Sprintf("Job: %q", d.ID))
	if verbose || d.Type == api.DiffEdited {
		w.members(2, d.Fields, d.Objects)
		if len(d.Fields)+len(d.Objects) > 0 {
			w.b.WriteByte('\n')
		}
	}
	for _, g := range d.TaskGroups {
		w.group(g)
	}
	return w.b.String()
}

// colors reports whether the output may be colored.
func (c *cli) colors() bool { return !c.conn.noColor && (c.conn.forceColor || c.Terminal) }

type diffWriter struct {
	b              strings.Builder
	verbose, color bool
}

// marks of the types of difference: sign and terminal color.
var marks = map[string]struct{ sign, color string }{
	api.DiffAdded:   {"+ ", "\x1b[32m"},
	api.DiffDeleted: {"- ", "\x1b[31m"},
	api.DiffEdited:  {"+/- ", "\x1b[33m"},
}

// line writes a line that is indented, with the mark of its type.
func (w *diffWriter) line(indent int, kind, text string) {
	m := marks[kind]
	w.b.WriteString(strings.Repeat(" ", indent))
	if w.color && m.color != "" {
		w.b.WriteString(m.color + m.sign + "\x1b[0m")
	} else {
		w.b.WriteString(m.sign)
	}
	w.b.WriteString(text)
	w.b.WriteByte('\n')
}

func (w *diffWriter) group(g *api.TaskGroupDiff) {
	text := fmt.Sprintf("Task Group: %q", g.Name)
	if len(g.Updates) > 0 {
		var counts []string
		for _, kind := range slices.Sorted(maps.Keys(g.Updates)) {
			counts = append(counts, fmt.Sprintf("%d %s", g.Updates[kind], kind))
		}
		text += " (" + strings.Join(counts, ", ") + ")"
	}
	w.line(0, g.Type, text)
	if w.verbose || g.Type == api.DiffEdited {
		w.members(2, g.Fields, g.Objects)
	}
	for _, t := range g.Tasks {
		w.task(t)
	}
}

func (w *diffWriter) task(t *api.TaskDiff) {
	if t.Type == api.DiffNone && !w.verbose {
		return
	}
	text := fmt.Sprintf("Task: %q", t.Name)
	if len(t.Annotations) > 0 {
		text += " (" + strings.Join(t.Annotations, ", ") + ")"
	}
	w.line(2, t.Type, text)
	if w.verbose || t.Type == api.DiffEdited {
		w.members(4, t.Fields, t.Objects)
	}
}

// members writes fields and blocks; names of fields are padded to one width, and
// lines without a mark are set in by the width of the widest one.
func (w *diffWriter) members(indent int, fields []*api.FieldDiff, objects []*api.ObjectDiff) {
	width, mark := 0, 0
	for _, f := range fields {
		width = max(width, len(f.Name))
		mark = max(mark, len(marks[f.Type].sign))
	}
	for _, f := range fields {
		pad := indent + mark - len(marks[f.Type].sign)
		w.line(pad, f.Type, fmt.Sprintf("%s:%s %s%s", f.Name, strings.Repeat(" ", width-len(f.Name)), values(f), annotations(f)))
	}
	for _, o := range objects {
		w.line(indent, o.Type, o.Name+" {")
		w.members(indent+2, o.Fields, o.Objects)
		w.line(indent+len(marks[o.Type].sign), api.DiffNone, "}")
	}
}

func values(f *api.FieldDiff) string {
	switch f.Type {
	case api.DiffAdded:
		return fmt.Sprintf("%q", f.New)
	case api.DiffDeleted:
		return fmt.Sprintf("%q", f.Old)
	case api.DiffEdited:
		return fmt.Sprintf("%q => %q", f.Old, f.New)
	}
	return fmt.Sprintf("%q", f.New)
}

func annotations(f *api.FieldDiff) string {
	if len(f.Annotations) == 0 {
		return ""
	}
	return " (" + strings.Join(f.Annotations, ", ") + ")"
}
