package jobspec

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/droverhq/drover/api"
)

// parts is what of a job, group or task is compared as such: fields, maps whose
// elements are shown as fields, and blocks in the order in which they are shown.
type parts struct {
	fields, maps, blocks []string
}

var (
	jobParts = parts{
		fields: []string{
			"AllAtOnce", "ConsulNamespace", "Deadline", "Dispatched", "Name", "Namespace", "NodePool", "ParentID", "Priority", "Region", "Stop",
			"TTLAfterFinished", "Type", "VaultNamespace",
		},
		maps: []string{"Meta"},
		blocks: []string{
			"Datacenters", "Constraints", "Affinities", "Spreads", "Periodic", "ParameterizedJob", "DependsOn", "Multiregion", "UI",
		},
	}
	groupParts = parts{
		fields: []string{
			"Count", "Gang", "MaxClientDisconnect", "MaxRunDuration", "PreventRescheduleOnLost", "ShutdownDelay", "StopAfterClientDisconnect",
		},
		maps: []string{"Meta"},
		blocks: []string{
			"Constraints", "Affinities", "RestartPolicy", "Disconnect", "Migrate", "ReschedulePolicy", "EphemeralDisk", "Update",
			"Spreads", "Consul", "Networks", "Services", "Volumes", "Scaling", "Indexed",
		},
	}
	taskParts = parts{
		fields: []string{"Driver", "KillSignal", "KillTimeout", "Kind", "Leader", "ShutdownDelay", "User"},
		maps:   []string{"Env", "Meta"},
		blocks: []string{
			"Constraints", "Affinities", "Config", "Resources", "RestartPolicy", "Lifecycle", "LogConfig", "DispatchPayload", "Artifacts",
			"Vault", "Consul", "Templates", "Services", "VolumeMounts", "CSIPluginConfig", "ScalingPolicies", "Secrets", "Identity",
			"Identities", "Actions", "Schedule",
		},
	}
)

// blockNames are the names in the result of blocks that are called otherwise in
// the API types.
var blockNames = map[string]string{
	"Constraints": "Constraint", "Affinities": "Affinity", "Spreads": "Spread", "SpreadTarget": "SpreadTarget",
	"Networks": "Network", "Services": "Service", "Checks": "Check", "Volumes": "Volume", "Artifacts": "Artifact",
	"Templates": "Template", "VolumeMounts": "VolumeMount", "ScalingPolicies": "ScalingPolicy", "Secrets": "Secret",
	"Identities": "Identity", "Actions": "Action", "Devices": "Device", "Links": "Link", "Regions": "Region",
	"ReservedPorts": "Static Port", "DynamicPorts": "Dynamic Port",
}

// notCompared are fields that no user sets or that have no effect.
var notCompared = map[reflect.Type][]string{
	reflect.TypeFor[api.UpdateStrategy]():  {"Stagger"},
	reflect.TypeFor[api.NetworkResource](): {"Device", "CIDR", "IP"},
	reflect.TypeFor[api.ServiceCheck]():    {"Advertise"},
	reflect.TypeFor[api.ScalingPolicy]():   {"ID", "Namespace", "Target", "CreateIndex", "ModifyIndex"},
}

// identifiedBy are the fields by which an element of a list is found again in the
// other list. Elements of other types are the same or not.
var identifiedBy = map[reflect.Type]string{
	reflect.TypeFor[api.Action]():            "Name",
	reflect.TypeFor[api.JobDependency]():     "Job",
	reflect.TypeFor[api.JobUILink]():         "Label",
	reflect.TypeFor[api.MultiregionRegion](): "Name",
	reflect.TypeFor[api.Port]():              "Label",
	reflect.TypeFor[api.RequestedDevice]():   "Name",
	reflect.TypeFor[api.ScalingPolicy]():     "Type",
	reflect.TypeFor[api.Secret]():            "Name",
	reflect.TypeFor[api.Service]():           "Name",
	reflect.TypeFor[api.ServiceCheck]():      "Name",
	reflect.TypeFor[api.Spread]():            "Attribute",
	reflect.TypeFor[api.SpreadTarget]():      "Value",
	reflect.TypeFor[api.TaskArtifact]():      "GetterSource",
	reflect.TypeFor[api.Template]():          "DestPath",
	reflect.TypeFor[api.VolumeMount]():       "Destination",
	reflect.TypeFor[api.WorkloadIdentity]():  "Name",
	reflect.TypeFor[api.NetworkResource]():   byPosition,
}

// byPosition pairs the first with the first.
const byPosition = "#"

func compareParts(p parts, old, new reflect.Value) ([]*api.FieldDiff, []*api.ObjectDiff) {
	fields := func(v reflect.Value) map[string]string {
		out := map[string]string{}
		if v.IsNil() {
			return out
		}
		for _, name := range p.fields {
			flatten(out, name, v.Elem().FieldByName(name))
		}
		for _, name := range p.maps {
			flatten(out, name, v.Elem().FieldByName(name))
		}
		return out
	}
	var objects []*api.ObjectDiff
	for _, name := range p.blocks {
		objects = append(objects, compareBlock(name, fieldOf(old, name), fieldOf(new, name))...)
	}
	return compareFields(fields(old), fields(new), false), objects
}

// fieldOf returns a field of what v points to, or no value.
func fieldOf(v reflect.Value, name string) reflect.Value {
	if !v.IsValid() || v.IsNil() {
		return reflect.Value{}
	}
	return v.Elem().FieldByName(name)
}

// flatten adds the text of a value to the fields: a map as name[key], a list as
// name[0], and so on inside. What is not set is not added.
func flatten(out map[string]string, name string, v reflect.Value) {
	if name == "" && v.Kind() != reflect.Map {
		return
	}
	inside := func(key string) string {
		if name == "" {
			return key
		}
		return name + "[" + key + "]"
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			flatten(out, name, v.Elem())
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			flatten(out, inside(it.Key().String()), it.Value())
		}
	case reflect.Slice:
		for i := range v.Len() {
			flatten(out, inside(strconv.Itoa(i)), v.Index(i))
		}
	default:
		out[name] = scalar(v)
	}
}

func scalar(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.String:
		return v.String()
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// compareBlock compares a field that is a block, several blocks, or a list or map
// of text.
func compareBlock(name string, old, new reflect.Value) []*api.ObjectDiff {
	typ := new
	if !typ.IsValid() {
		typ = old
	}
	if !typ.IsValid() {
		return nil
	}
	shown := name
	if other, ok := blockNames[name]; ok {
		shown = other
	}
	switch t := typ.Type(); {
	case t.Kind() == reflect.Pointer:
		return keep(compareStructs(shown, pointerOf(old), pointerOf(new)))
	case t == stringListType:
		return keep(compareTexts(shown, old, new))
	case t.Kind() == reflect.Slice:
		return compareLists(shown, old, new)
	case t.Elem().Kind() == reflect.Pointer:
		return compareMaps(shown, old, new)
	default:
		return keep(compareFreeForms(shown, old, new))
	}
}

func pointerOf(v reflect.Value) reflect.Value {
	if v.IsValid() && v.IsNil() {
		return reflect.Value{}
	}
	return v
}

// keep drops an object that did not change.
func keep(diff *api.ObjectDiff) []*api.ObjectDiff {
	if diff == nil || diff.Type == api.DiffNone {
		return nil
	}
	return []*api.ObjectDiff{diff}
}

// compareStructs compares two blocks; a value that is not valid stands for none.
func compareStructs(name string, old, new reflect.Value) *api.ObjectDiff {
	if !old.IsValid() && !new.IsValid() {
		return nil
	}
	typ := new
	if !typ.IsValid() {
		typ = old
	}
	structure := typ.Type().Elem()
	before, after := map[string]string{}, map[string]string{}
	diff := &api.ObjectDiff{Name: name}
	for i := range structure.NumField() {
		field := structure.Field(i)
		if slices.Contains(notCompared[structure], field.Name) {
			continue
		}
		if isScalar(field.Type) {
			if old.IsValid() {
				flatten(before, field.Name, old.Elem().Field(i))
			}
			if new.IsValid() {
				flatten(after, field.Name, new.Elem().Field(i))
			}
			continue
		}
		diff.Objects = append(diff.Objects, compareBlock(field.Name, fieldOf(old, field.Name), fieldOf(new, field.Name))...)
	}
	diff.Fields = compareFields(before, after, true)
	changed := len(diff.Objects) > 0 ||
		slices.ContainsFunc(diff.Fields, func(f *api.FieldDiff) bool { return f.Type != api.DiffNone })
	diff.Type = diffType(!old.IsValid(), !new.IsValid(), changed)
	return diff
}

func isScalar(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Map:
		return false
	}
	return true
}

// compareTexts compares two lists of text as sets.
func compareTexts(name string, old, new reflect.Value) *api.ObjectDiff {
	before, after := texts(old), texts(new)
	diff := &api.ObjectDiff{Name: name}
	for _, text := range before {
		kind := api.DiffDeleted
		if slices.Contains(after, text) {
			kind = api.DiffNone
		}
		field := &api.FieldDiff{Type: kind, Name: name, Old: text}
		if kind == api.DiffNone {
			field.New = text
		}
		diff.Fields = append(diff.Fields, field)
	}
	for _, text := range after {
		if !slices.Contains(before, text) {
			diff.Fields = append(diff.Fields, &api.FieldDiff{Type: api.DiffAdded, Name: name, New: text})
		}
	}
	changed := slices.ContainsFunc(diff.Fields, func(f *api.FieldDiff) bool { return f.Type != api.DiffNone })
	diff.Type = diffType(len(before) == 0, len(after) == 0, changed)
	return diff
}

func texts(v reflect.Value) []string {
	if !v.IsValid() {
		return nil
	}
	return v.Interface().([]string)
}

// compareFreeForms compares two maps whose keys somebody else knows.
func compareFreeForms(name string, old, new reflect.Value) *api.ObjectDiff {
	before, after := map[string]string{}, map[string]string{}
	if old.IsValid() {
		flatten(before, "", old)
	}
	if new.IsValid() {
		flatten(after, "", new)
	}
	diff := &api.ObjectDiff{Name: name, Fields: compareFields(before, after, true)}
	changed := slices.ContainsFunc(diff.Fields, func(f *api.FieldDiff) bool { return f.Type != api.DiffNone })
	diff.Type = diffType(len(before) == 0, len(after) == 0, changed)
	return diff
}

// compareMaps compares two maps of named blocks.
func compareMaps(name string, old, new reflect.Value) []*api.ObjectDiff {
	pairs := map[string][2]reflect.Value{}
	for i, m := range []reflect.Value{old, new} {
		if !m.IsValid() {
			continue
		}
		for it := m.MapRange(); it.Next(); {
			pair := pairs[it.Key().String()]
			pair[i] = it.Value()
			pairs[it.Key().String()] = pair
		}
	}
	var out []*api.ObjectDiff
	for _, key := range sortedKeys(pairs) {
		out = append(out, keep(compareStructs(name, pairs[key][0], pairs[key][1]))...)
	}
	return out
}

// compareLists compares two lists of blocks: what is in both, then what is new.
func compareLists(name string, old, new reflect.Value) []*api.ObjectDiff {
	before, after := elements(old), elements(new)
	taken := make([]bool, len(after))
	var out []*api.ObjectDiff
	for i, element := range before {
		j := counterpart(element, i, after, taken)
		if j < 0 {
			out = append(out, keep(compareStructs(name, element, reflect.Value{}))...)
			continue
		}
		taken[j] = true
		out = append(out, keep(compareStructs(name, element, after[j]))...)
	}
	for j, element := range after {
		if !taken[j] {
			out = append(out, keep(compareStructs(name, reflect.Value{}, element))...)
		}
	}
	return out
}

// counterpart finds an element again in the other list, or returns −1.
func counterpart(element reflect.Value, position int, others []reflect.Value, taken []bool) int {
	field := identifiedBy[element.Type().Elem()]
	if field == byPosition {
		if position < len(others) {
			return position
		}
		return -1
	}
	for j, other := range others {
		if taken[j] {
			continue
		}
		if field == "" {
			if reflect.DeepEqual(element.Interface(), other.Interface()) {
				return j
			}
		} else if reflect.DeepEqual(element.Elem().FieldByName(field).Interface(), other.Elem().FieldByName(field).Interface()) {
			return j
		}
	}
	return -1
}

// elements returns pointers to the elements of a list.
func elements(list reflect.Value) []reflect.Value {
	if !list.IsValid() {
		return nil
	}
	out := make([]reflect.Value, list.Len())
	for i := range out {
		out[i] = list.Index(i)
		if out[i].Kind() != reflect.Pointer {
			out[i] = out[i].Addr()
		}
	}
	return out
}
