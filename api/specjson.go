package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// SpecJSON encodes a job in the form that /v1/jobs/parse answers with: as a spec
// to be filled in, where every field of every block is there, null if it is not
// set. It differs from the form of a stored job (json.Marshal) in three ways:
// nothing is omitted, fields that only a jobspec has (Job.Reschedule, say) are
// there, and those that only a stored job has (tagged `form:"stored"`) are not. Fields
// that are drover's own (tagged `form:"own"`) are there if they are set.
func SpecJSON(job *Job) ([]byte, error) {
	var out bytes.Buffer
	if err := writeSpec(&out, reflect.ValueOf(job)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeSpec(out *bytes.Buffer, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			break
		}
		return writeSpec(out, v.Elem())
	case reflect.Struct:
		return writeSpecStruct(out, v)
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			break
		}
		out.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeSpec(out, v.Index(i)); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case reflect.Map:
		if v.IsNil() || v.Type().Elem().Kind() != reflect.Pointer {
			break // of plain values: as always
		}
		return writeSpecMap(out, v)
	}
	b, err := json.Marshal(v.Interface())
	out.Write(b)
	return err
}

func writeSpecStruct(out *bytes.Buffer, v reflect.Value) error {
	out.WriteByte('{')
	first := true
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" || field.Tag.Get("form") == "stored" {
			continue
		}
		if field.Tag.Get("form") == "own" && v.Field(i).IsZero() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		writeKey(out, name)
		if err := writeSpec(out, v.Field(i)); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeSpecMap(out *bytes.Buffer, v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	out.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			out.WriteByte(',')
		}
		writeKey(out, key.String())
		if err := writeSpec(out, v.MapIndex(key)); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeKey(out *bytes.Buffer, name string) {
	b, _ := json.Marshal(name) // a string always encodes
	out.Write(b)
	out.WriteByte(':')
}
