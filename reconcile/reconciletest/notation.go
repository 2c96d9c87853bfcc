package reconciletest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// notation reads and writes objects as scripts have them:
//
//	Allocation a1
//	  NodeID: n1
//	  DesiredTransition.Reschedule: true
//	  DeploymentStatus.Timestamp: +30s
//
// A path names Go fields, keys of maps, and elements of slices by their Name or
// their number. Moments are given by how long after (or before) the start they are.
type notation struct {
	start time.Time
}

// defaultNamespace is filled in where an object has a namespace and the script says
// nothing of it.
const defaultNamespace = api.DefaultNamespace

// newObject makes the object that a header names: its kind, and its key as ID or
// namespace/ID.
func newObject(kind, key string) (api.Object, error) {
	o, ok := api.NewObject(api.Kind(kind))
	if !ok {
		return nil, fmt.Errorf("there is no kind %q", kind)
	}
	namespace, id, found := strings.Cut(key, "/")
	if !found {
		namespace, id = defaultNamespace, key
	}
	switch o := o.(type) {
	case *api.Job:
		o.Namespace, o.ID = new(namespace), new(id)
	case *api.JobVersion:
		job, version, err := api.SplitVersionID(id)
		if err != nil {
			return nil, err
		}
		o.Job = &api.Job{Namespace: new(namespace), ID: new(job), Version: new(version)}
	case *api.JobSubmission:
		job, version, err := api.SplitVersionID(id)
		if err != nil {
			return nil, err
		}
		o.Namespace, o.JobID, o.Version = namespace, job, version
	case *api.JobStatus:
		o.Namespace, o.JobID = namespace, id
	case *api.Leadership:
	default:
		v := reflect.ValueOf(o).Elem()
		setString(v, id, "ID", "NodeID", "Name", "JobID", "Path")
		if f := v.FieldByName("Namespace"); f.IsValid() {
			f.SetString(namespace)
		}
	}
	return o, nil
}

// setString sets the first of the named fields that there is.
func setString(v reflect.Value, s string, names ...string) {
	for _, name := range names {
		if f := v.FieldByName(name); f.IsValid() {
			f.SetString(s)
			return
		}
	}
}

// parse reads objects. existing gives the stored object of a key, so that a script
// says only what changes.
func (n notation) parse(text string, existing func(api.Key) (api.Object, bool)) ([]api.Object, error) {
	var out []api.Object
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		var err error
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case line == trimmed:
			var o api.Object
			if o, err = header(line, existing); err == nil {
				out = append(out, o)
			}
		case len(out) == 0:
			err = fmt.Errorf("a field without an object")
		default:
			path, value, found := strings.Cut(trimmed, ": ")
			if !found {
				path, value = strings.TrimSuffix(trimmed, ":"), ""
			}
			err = n.set(reflect.ValueOf(out[len(out)-1]), strings.Split(path, "."), strings.TrimSpace(value))
		}
		if err != nil {
			return nil, fmt.Errorf("line %d (%s): %w", i+1, trimmed, err)
		}
	}
	return out, nil
}

// header reads "Kind key" or "Kind key {JSON}".
func header(line string, existing func(api.Key) (api.Object, bool)) (api.Object, error) {
	kind, rest, _ := strings.Cut(line, " ")
	key, text, _ := strings.Cut(strings.TrimSpace(rest), " ")
	o, err := newObject(kind, key)
	if err != nil {
		return nil, err
	}
	if stored, ok := existing(o.Key()); ok {
		if o, err = api.Clone(stored); err != nil {
			return nil, err
		}
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// parseKey reads "Kind key".
func parseKey(line string) (api.Key, error) {
	kind, key, _ := strings.Cut(strings.TrimSpace(line), " ")
	o, err := newObject(kind, strings.TrimSpace(key))
	if err != nil {
		return api.Key{}, err
	}
	return o.Key(), nil
}

// set sets what is at a path below v, making what is missing on the way.
func (n notation) set(v reflect.Value, path []string, text string) error {
	if v.Kind() == reflect.Pointer {
		if len(path) == 0 && text == "null" {
			v.SetZero()
			return nil
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return n.set(v.Elem(), path, text)
	}
	if len(path) == 0 {
		return n.setValue(v, text)
	}
	switch v.Kind() {
	case reflect.Struct:
		f := v.FieldByName(path[0])
		if !f.IsValid() {
			return fmt.Errorf("%s has no field %s", v.Type(), path[0])
		}
		return n.set(f, path[1:], text)
	case reflect.Map:
		return n.setEntry(v, path, text)
	case reflect.Slice:
		e, err := element(v, path[0])
		if err != nil {
			return err
		}
		return n.set(e, path[1:], text)
	}
	return fmt.Errorf("%s has no parts (%s)", v.Type(), strings.Join(path, "."))
}

// setEntry sets an entry of a map. A map of plain values takes the rest of the path
// as its key, dots and all.
func (n notation) setEntry(m reflect.Value, path []string, text string) error {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	if k := m.Type().Elem().Kind(); k != reflect.Pointer && k != reflect.Struct && k != reflect.Map {
		path = []string{strings.Join(path, ".")}
	}
	entry := reflect.New(m.Type().Elem()).Elem()
	key := reflect.ValueOf(path[0])
	if old := m.MapIndex(key); old.IsValid() {
		entry.Set(old)
	}
	if err := n.set(entry, path[1:], text); err != nil {
		return err
	}
	m.SetMapIndex(key, entry)
	return nil
}

// element returns the element of a slice that a part of a path names, and appends it
// if there is none.
func element(s reflect.Value, part string) (reflect.Value, error) {
	if i, err := strconv.Atoi(part); err == nil {
		if i > s.Len() {
			return reflect.Value{}, fmt.Errorf("there are only %d elements", s.Len())
		}
		if i == s.Len() {
			s.Set(reflect.Append(s, reflect.Zero(s.Type().Elem())))
		}
		return s.Index(i), nil
	}
	for i := range s.Len() {
		if nameOf(s.Index(i)) == part {
			return s.Index(i), nil
		}
	}
	e := reflect.New(s.Type().Elem()).Elem()
	target := e
	if e.Kind() == reflect.Pointer {
		e.Set(reflect.New(e.Type().Elem()))
		target = e.Elem()
	}
	if target.Kind() != reflect.Struct || !target.FieldByName("Name").IsValid() {
		return reflect.Value{}, fmt.Errorf("elements of %s have no name: give a number, not %q", s.Type(), part)
	}
	if f := target.FieldByName("Name"); f.Kind() == reflect.Pointer {
		f.Set(reflect.ValueOf(new(part)))
	} else {
		f.SetString(part)
	}
	s.Set(reflect.Append(s, e))
	return s.Index(s.Len() - 1), nil
}

// nameOf returns the Name of an element, or "".
func nameOf(v reflect.Value) string {
	v = reflect.Indirect(v)
	if v.Kind() != reflect.Struct {
		return ""
	}
	f := v.FieldByName("Name")
	if f.IsValid() {
		f = reflect.Indirect(f)
	}
	if !f.IsValid() || f.Kind() != reflect.String {
		return ""
	}
	return f.String()
}

// setValue sets a plain value, or anything from JSON.
func (n notation) setValue(v reflect.Value, text string) error {
	switch v.Interface().(type) {
	case time.Time:
		at, err := n.moment(text)
		if err == nil {
			v.Set(reflect.ValueOf(at))
		}
		return err
	case time.Duration:
		d, err := time.ParseDuration(text)
		v.SetInt(int64(d))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Int64:
		if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
			at, err := n.moment(text)
			v.SetInt(at.UnixNano())
			return err
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String && !strings.HasPrefix(text, "[") {
			v.Set(reflect.ValueOf(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })))
			return nil
		}
	case reflect.Map, reflect.Struct:
		if text == "" {
			text = "{}"
		}
	}
	return json.Unmarshal([]byte(text), v.Addr().Interface())
}

// moment reads a time: how long after the start.
func (n notation) moment(text string) (time.Time, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("a moment is given as +30s or -1h, after the start: %w", err)
	}
	return n.start.Add(d), nil
}

// offset writes a time as moment reads it.
func (n notation) offset(t time.Time) string {
	d := t.Sub(n.start)
	if d < 0 {
		return d.String()
	}
	return "+" + d.String()
}

// field is a plain value of an object and where it is.
type field struct{ path, text string }

// hidden are fields that every write changes, or that say what the header says.
var hidden = []string{"ObjectMeta", "ID", "Namespace", "CreateTime", "ModifyTime"}

// flatten returns the fields of an object that are not zero, in the order of their
// declaration. Indexes of the store are left out: they count unrelated writes too.
func (n notation) flatten(o api.Object) []field {
	var out []field
	v := reflect.ValueOf(o).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.IsExported() && !slices.Contains(hidden, f.Name) && !isIndex(f) {
			out = n.appendFields(out, f.Name, v.Field(i))
		}
	}
	return out
}

func isIndex(f reflect.StructField) bool {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Uint64 && strings.HasSuffix(f.Name, "Index")
}

func (n notation) appendFields(out []field, path string, v reflect.Value) []field {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return out
		}
		if e := v.Elem(); e.Kind() != reflect.Struct {
			return append(out, field{path, n.text(e)})
		}
		v = v.Elem()
	}
	if _, isTime := v.Interface().(time.Time); v.IsZero() || isTime {
		if !v.IsZero() {
			out = append(out, field{path, n.text(v)})
		}
		return out
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !isIndex(f) {
				out = n.appendFields(out, path+"."+f.Name, v.Field(i))
			}
		}
		return out
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			before := len(out)
			if out = n.appendFields(out, path+"."+k.String(), v.MapIndex(k)); len(out) == before {
				out = append(out, field{path + "." + k.String(), n.text(v.MapIndex(k))})
			}
		}
		return out
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			return append(out, field{path, strings.Join(v.Convert(reflect.TypeFor[[]string]()).Interface().([]string), ", ")})
		}
		for i := range v.Len() {
			part := nameOf(v.Index(i))
			if part == "" {
				part = strconv.Itoa(i)
			}
			out = n.appendFields(out, path+"."+part, v.Index(i))
		}
		return out
	}
	return append(out, field{path, n.text(v)})
}

// text writes a plain value. An int64 that can only be Unix nanoseconds is written as
// a moment.
func (n notation) text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Time:
		return n.offset(x)
	case int64:
		if at := time.Unix(0, x); at.Sub(n.start).Abs() < 10*365*24*time.Hour {
			return n.offset(at)
		}
	case []byte:
		return string(x)
	}
	if v.Kind() == reflect.Struct || v.Kind() == reflect.Pointer {
		return "{}"
	}
	return fmt.Sprint(v.Interface())
}
