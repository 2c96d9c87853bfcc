package api

import (
	"reflect"
	"slices"
	"time"
)

// Same reports whether two values have the same content: two versions of a job,
// say. Nothing and empty (nil pointers, maps and slices without elements) are the
// same, and so are numbers of the same value but of different types, because values
// lose such differences on their way through JSON or the store. Times are compared by
// the moment that they mean. Fields of the
// outermost struct that except names are left out.
func Same(a, b any, except ...string) bool {
	return same(reflect.ValueOf(a), reflect.ValueOf(b), except)
}

func same(a, b reflect.Value, except []string) bool {
	a, b = inside(a), inside(b)
	if isEmpty(a) || isEmpty(b) {
		return isEmpty(a) && isEmpty(b)
	}
	if x, ok := asNumber(a); ok {
		y, ok := asNumber(b)
		return ok && x == y
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Struct:
		if at, ok := a.Interface().(time.Time); ok {
			return at.Equal(b.Interface().(time.Time))
		}
		return sameStruct(a, b, except)
	case reflect.Map:
		return sameMap(a, b)
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i), nil) {
				return false
			}
		}
		return true
	default:
		return a.Comparable() && a.Equal(b)
	}
}

func sameStruct(a, b reflect.Value, except []string) bool {
	for i := range a.NumField() {
		field := a.Type().Field(i)
		if !field.IsExported() || slices.Contains(except, field.Name) {
			continue
		}
		if !same(a.Field(i), b.Field(i), nil) {
			return false
		}
	}
	return true
}

func sameMap(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for _, key := range a.MapKeys() {
		other := b.MapIndex(key)
		if !other.IsValid() || !same(a.MapIndex(key), other, nil) {
			return false
		}
	}
	return true
}

// inside follows pointers and interfaces.
func inside(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	default:
		return false
	}
}

func asNumber(v reflect.Value) (float64, bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

// SameSpec reports whether two versions of a job ask for the same.
func SameSpec(a, b *Job) bool {
	return Same(a, b, "Version", "VersionTag", "SubmitTime", "NomadTokenID",
		"Status", "StatusDescription", "Stable", "CreateIndex", "ModifyIndex", "JobModifyIndex")
}
