package scheduler

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

func TestQuantitiesCompareByUnit(t *testing.T) {
	q := quantities{units()}
	for _, c := range []struct {
		left, right string
		order       int
		ok          bool
	}{
		{"2 GiB", "2048 MiB", 0, true},
		{"2GiB", "2 GB", 1, true},
		{"1.5 GiB", "1536 MiB", 0, true},
		{"0.1 kB", "100 MB", -1, true},
		{"1 kB", "1 KB", 0, true},
		{"1 KiB/s", "1024 MB/s", -1, true},
		{"1 EiB", "1152921504606846976", 0, false}, // a number without a unit is no number of bytes
		{"16 EiB", "15 EiB", 1, true},
		{"1.5 GHz", "1500 MHz", 0, true},
		{"1 GHz", "1 GiB", 0, false},
		{"1000 mW", "1 W", 0, true},
		{"1 MW", "1 GW", -1, true},
		{"7", "7.0", 0, true},
		{"1e3", "1000", 0, true},
		{"-3", "2", -1, true},
		{"true", "true", 0, true},
		{"true", "false", 1, true},
		{"true", "5", 0, false},
		{"abc", "abd", -1, true},
		{"1080ti", "1080", 1, true}, // text
		{"0.1", "0.10000000000000001", -1, true},
		{"5 parsecs", "5 GiB", 1, true}, // text
	} {
		order, ok := q.literal(c.left).compare(q.literal(c.right))
		if ok != c.ok || ok && order != c.order {
			t.Errorf("%s to %s is %d, %v; want %d, %v", c.left, c.right, order, ok, c.order, c.ok)
		}
		back, backOK := q.literal(c.right).compare(q.literal(c.left))
		if backOK != c.ok || ok && c.left != "true" && back != -c.order {
			t.Errorf("%s to %s is %d, %v", c.right, c.left, back, backOK)
		}
	}
}

func TestAttributesAreReadWithTheirUnits(t *testing.T) {
	q := quantities{units()}
	for _, c := range []struct {
		attribute api.DeviceAttribute
		literal   string
		text      string
	}{
		{api.DeviceAttribute{Int: new(int64(11441)), Unit: "MiB"}, "11.1728515625 GiB", "11441 MiB"},
		{api.DeviceAttribute{Float: new(1.5), Unit: "GHz"}, "1500 MHz", "1.5 GHz"},
		{api.DeviceAttribute{Float: new(0.1)}, "0.1", "0.1"},
		{api.DeviceAttribute{Bool: new(true)}, "true", "true"},
		{api.DeviceAttribute{String: new("460.32")}, "460.32", "460.32"},
		{api.DeviceAttribute{String: new("")}, "", ""},
	} {
		v := q.attribute(&c.attribute)
		if order, ok := v.compare(q.literal(c.literal)); !ok || order != 0 {
			t.Errorf("%+v to %s is %d, %v", c.attribute, c.literal, order, ok)
		}
		if v.text != c.text {
			t.Errorf("%+v is written %q, want %q", c.attribute, v.text, c.text)
		}
	}
	lots := q.literal("lots")
	if _, ok := q.attribute(&api.DeviceAttribute{Int: new(int64(1))}).compare(lots); ok {
		t.Error("a number of a device compares with text")
	}
}

func TestNumbersCompareAsTheyAreWritten(t *testing.T) {
	q := quantities{units()}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		unit := rapid.SampledFrom(q.units).Draw(t, "unit")
		order, ok := q.literal(fmt.Sprint(a, unit.name)).compare(q.attribute(&api.DeviceAttribute{Int: &b, Unit: unit.name}))
		if want := map[bool]int{true: 1}[a > b] - map[bool]int{true: 1}[a < b]; !ok || order != want {
			t.Fatalf("%d to %d %s is %d, %v", a, b, unit.name, order, ok)
		}
	})
}

func FuzzQuantity(f *testing.F) {
	for _, s := range []string{"2 GiB", "1e-1000000000", "1e308 GW", "Inf", "0x1p-2", "1/3", "", "W"} {
		f.Add(s)
	}
	q := quantities{units()}
	f.Fuzz(func(t *testing.T, s string) {
		v := q.literal(s)
		if order, ok := v.compare(v); !ok || order != 0 {
			t.Fatalf("%q is not equal to itself: %d, %v", s, order, ok)
		}
	})
}
