package block_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/driver/block"
)

func TestABlockIsReadAsItWasWritten(t *testing.T) {
	b := block.New("config", map[string]any{
		"image": "x", "port": 80, "on": "true", "args": []any{"a", 1, true},
		"mode": "host", "limit": uint8(20),
		"labels": []any{map[string]any{"a": "1"}, map[string]any{"b": 2}},
		"map":    map[string]any{"http": 80.0}, "wait": "5m",
		"mount": []any{map[string]any{"type": "bind"}, map[string]any{"type": "tmpfs"}},
	})
	var types []string
	for _, m := range b.Blocks("mount") {
		types = append(types, m.Text("type"))
	}
	got := []any{
		b.Text("image"), b.Text("port"), b.Number("port"), b.Flag("on"), b.FlagOr("off", true), b.Texts("args"), b.Map("labels"),
		b.NumberMap("map"), b.DurationOr("wait", 0), b.DurationOr("grace", time.Second), types, b.One("none").Text("x"),
		b.Required("image", "say which"), b.OneOf("mode", "private", "host"), b.OneOf("other", "private", "host"),
		b.NumberIn("limit", 0, 16, 32), b.NumberIn("least", 0, 16, 32),
	}
	want := []any{
		"x", "80", int64(80), true, true,
		[]string{"a", "1", "true"},
		map[string]string{"a": "1", "b": "2"},
		map[string]int64{"http": 80},
		5 * time.Minute, time.Second,
		[]string{"bind", "tmpfs"},
		"",
		"x", "host", "private",
		int64(20), int64(0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := b.Err(); err != nil {
		t.Error(err)
	}
}

func TestEverythingWrongIsNamed(t *testing.T) {
	b := block.New("config", map[string]any{
		"imgae": "x", "args": "a", "number": "many", "on": "perhaps", "wait": "long", "labels": "a=b",
		"auth": []any{map[string]any{"user": "u"}, map[string]any{}}, "old": 1, "mode": "shared", "limit": 8, "command": "",
		"env": []any{[]any{}},
	})
	b.Text("image")
	b.Texts("args")
	b.Number("number")
	b.Flag("on")
	b.DurationOr("wait", 0)
	b.Map("labels")
	b.Texts("env")
	b.One("auth").Text("username")
	b.Required("command", "say which")
	b.Required("class", "say which")
	b.OneOf("mode", "private", "host")
	b.NumberIn("limit", 0, 16, 32)
	b.Refuse("old", "nobody needs it")
	var invalid *api.InvalidError
	if !errors.As(b.Err(), &invalid) {
		t.Fatalf("got %v", b.Err())
	}
	got := map[string]string{}
	for _, f := range invalid.Fields {
		got[f.Field] = f.Message
	}
	want := map[string]string{
		"imgae": `is unknown; did you mean "image"?`, "args": "must be a list of strings, not string",
		"number": "must be a whole number, not many", "on": "must be true or false, not perhaps",
		"wait": `"long" is not a duration; write it as 90s or 5m`, "labels": "must be a block or a map, not string",
		"auth": "is there more than once", "auth[0].user": "is unknown", "old": "is not supported: nobody needs it",
		"command": "is empty: say which", "class": "is missing: say which", "mode": `is one of ["private" "host"], not "shared"`,
		"limit":  "must be a whole number from 16 to 32, not 8",
		"env[0]": "must be a string, not []interface {}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
