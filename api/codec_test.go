package api_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

func TestStoredFormKeepsEveryFieldOfEveryKind(t *testing.T) {
	for _, kind := range api.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := drawObject(t, kind)
				stored, err := want.MarshalMsg(nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := api.Decode(kind, stored)
				if err != nil {
					t.Fatal(err)
				}
				if wantJSON, gotJSON := mustJSON(t, want), mustJSON(t, got); wantJSON != gotJSON {
					t.Fatalf("JSON forms differ:\nwant %s\ngot  %s", wantJSON, gotJSON)
				}
				if !reflect.DeepEqual(want, got) { // fields that are not in the JSON form
					t.Fatalf("want %#v\ngot  %#v", want, got)
				}
			})
		})
	}
}

func TestJSONFormReadsBackToItself(t *testing.T) {
	for _, kind := range api.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := mustJSON(t, drawObject(t, kind))
				object, _ := api.NewObject(kind)
				if err := json.Unmarshal([]byte(want), object); err != nil {
					t.Fatal(err)
				}
				if got := mustJSON(t, object); got != want {
					t.Fatalf("want %s\ngot  %s", want, got)
				}
			})
		})
	}
}

func TestSpecFormReadsBackToTheSameJob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawObject(t, api.KindJob).(*api.Job)
		spec, err := api.SpecJSON(want)
		if err != nil {
			t.Fatal(err)
		}
		var job api.Job
		if err := json.Unmarshal(spec, &job); err != nil {
			t.Fatal(err)
		}
		again, err := api.SpecJSON(&job)
		if err != nil {
			t.Fatal(err)
		}
		if string(spec) != string(again) {
			t.Fatalf("want %s\ngot  %s", spec, again)
		}
	})
}

func TestFieldsOfANewerVersionAreSkipped(t *testing.T) {
	b := msgp.AppendMapHeader(nil, 2)
	b = msgp.AppendString(b, "FromTheFuture")
	b = msgp.AppendMapStrStr(b, map[string]string{"a": "b"})
	b = msgp.AppendString(b, "ServerID")
	b = msgp.AppendString(b, "s1")
	got, err := api.Decode(api.KindLeadership, b)
	if err != nil {
		t.Fatal(err)
	}
	if got.(*api.Leadership).ServerID != "s1" {
		t.Fatalf("read %+v", got)
	}
}

func TestDecodeRefusesWhatIsNotWholeOrOfNoKind(t *testing.T) {
	whole, err := (&api.Job{ID: new("shop"), Datacenters: []string{"dc1"}}).MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if _, err := api.Decode(api.KindJob, whole[:n]); err == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(whole))
		}
	}
	if _, err := api.Decode(api.KindJob, append(whole, 0)); err == nil {
		t.Error("a byte too many was accepted")
	}
	if _, err := api.Decode("Nothing", whole); err == nil {
		t.Error("an unknown kind was accepted")
	}
	// An array that claims four billion elements and has none.
	claim := append(msgp.AppendString([]byte{0x81}, "Datacenters"), 0xdd, 0xff, 0xff, 0xff, 0xff)
	if _, err := api.Decode(api.KindJob, claim); err == nil {
		t.Error("a claimed length was believed")
	}
}

func TestAStoredObjectIsSmall(t *testing.T) {
	alloc := &api.Allocation{
		ID: "d8986e42-ddbc-fda2-c570-b320a2495d59", Namespace: "default", EvalID: "47f8f64f-7e61-c9cf-09c4-65c15da02596",
		Name: "hello.example[0]", NodeID: "8f1a56e6-abee-d11b-35cf-4af3b2451607", NodeName: "node-1", JobID: "hello",
		TaskGroup: "example", JobType: api.JobTypeService, DesiredStatus: api.AllocDesiredRun,
		Usage: api.Usage{CPU: 100, MemoryMB: 64, DiskMB: 300}, CreateTime: 1795218267356363408, ModifyTime: 1795218267356363408,
	}
	stored, err := alloc.MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) > 350 {
		t.Errorf("an allocation takes %d bytes", len(stored))
	}
	var job api.Job
	if err := json.Unmarshal(recordedBody(t, "035-job"), &job); err != nil {
		t.Fatal(err)
	}
	stored, err = job.MarshalMsg(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) > 2048 {
		t.Errorf("a job takes %d bytes", len(stored))
	}
}

func TestWholeNumbersInSettingsStayWhole(t *testing.T) {
	var task api.Task
	const spec = `{"Config":{"port":5678,"big":1795218267356363408,"float":1.5,"list":[80.0,1e3],"deep":{"n":-1},"huge":1e300}}`
	if err := json.Unmarshal([]byte(spec), &task); err != nil {
		t.Fatal(err)
	}
	want := api.Values{
		"port": int64(5678), "big": int64(1795218267356363408), "float": 1.5,
		"list": []any{int64(80), int64(1000)}, "deep": map[string]any{"n": int64(-1)}, "huge": 1e300,
	}
	if !reflect.DeepEqual(task.Config, want) {
		t.Fatalf("read %#v", task.Config)
	}
	if err := json.Unmarshal([]byte(`{"Config":{"n":1e999}}`), &task); err == nil {
		t.Error("a number out of range was accepted")
	}
	if err := json.Unmarshal([]byte(`{"Config":null}`), &task); err != nil || task.Config != nil {
		t.Errorf("null read as %v, %v", task.Config, err)
	}
}

func TestNullAndUnknownFieldsAreAcceptedEverywhere(t *testing.T) {
	for _, kind := range api.Kinds() {
		object, _ := api.NewObject(kind)
		typ := reflect.TypeOf(object).Elem()
		var fields []string
		for i := range typ.NumField() {
			fields = append(fields, fmt.Sprintf("%q:null", typ.Field(i).Name))
		}
		body := `{"FromTheFuture":{"a":[1]},` + strings.Join(fields, ",") + `}`
		if err := json.Unmarshal([]byte(body), object); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	kinds := api.Kinds()
	for i, kind := range kinds {
		object, _ := api.NewObject(kind)
		b, err := object.MarshalMsg(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, n uint8, b []byte) {
		kind := api.Kinds()[int(n)%len(kinds)]
		object, err := api.Decode(kind, b)
		if err != nil {
			return
		}
		again, err := object.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.Decode(kind, again); err != nil {
			t.Fatalf("what was read does not read back: %v", err)
		}
	})
}

func FuzzJobJSON(f *testing.F) {
	f.Add([]byte(`{"ID":"x","TaskGroups":[{"Tasks":[{"Config":{"a":[1,{"b":2.5}]}}]}]}`))
	f.Add([]byte(`{"TaskGroups":[null],"Meta":{"a":null},"Payload":"aGk="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var job api.Job
		if err := json.Unmarshal(b, &job); err != nil {
			return
		}
		stored, err := job.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.Decode(api.KindJob, stored); err != nil {
			t.Fatal(err)
		}
		spec, err := api.SpecJSON(&job)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(spec) {
			t.Fatalf("not JSON: %s", spec)
		}
	})
}

func mustJSON(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// drawObject makes an object whose stored fields are all random.
func drawObject(t *rapid.T, kind api.Kind) api.Object {
	object, _ := api.NewObject(kind)
	drawInto(t, reflect.ValueOf(object).Elem(), 0)
	return object
}

// maxDrawDepth keeps random trees small: deeper pointers, lists and maps are nil.
const maxDrawDepth = 7

func drawInto(t *rapid.T, v reflect.Value, depth int) {
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()))
		}
		return
	case reflect.TypeFor[api.Values]():
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.ValueOf(api.Values(drawValues(t, depth))))
		}
		return
	case reflect.TypeFor[api.EncodedMetric]():
		if rapid.Bool().Draw(t, "set") {
			m := &api.AllocationMetric{}
			drawInto(t, reflect.ValueOf(m).Elem(), depth)
			if got := m.Encode().Decode(); !reflect.DeepEqual(got, m) {
				t.Fatalf("want %#v\ngot  %#v", m, got)
			}
			v.Set(reflect.ValueOf(m.Encode()))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("msg") != "-" {
				drawInto(t, v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		if depth < maxDrawDepth && rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			drawInto(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		if depth < maxDrawDepth && rapid.Bool().Draw(t, "set") {
			least := 0
			if v.Type().Elem().Kind() == reflect.Uint8 {
				least = 1 // no bytes are nil bytes
			}
			n := rapid.IntRange(least, 2).Draw(t, "len")
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				drawInto(t, v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if depth < maxDrawDepth && rapid.Bool().Draw(t, "set") {
			v.Set(reflect.MakeMap(v.Type()))
			for range rapid.IntRange(0, 2).Draw(t, "len") {
				element := reflect.New(v.Type().Elem()).Elem()
				drawInto(t, element, depth+1)
				v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, "key")), element)
			}
		}
	case reflect.String:
		v.SetString(rapid.StringN(0, 8, -1).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		low, high := int64(math.MinInt64), int64(math.MaxInt64)
		if bits := v.Type().Bits(); bits < 64 {
			low, high = -1<<(bits-1), 1<<(bits-1)-1
		}
		v.SetInt(rapid.Int64Range(low, high).Draw(t, "int"))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		high := uint64(math.MaxUint64)
		if bits := v.Type().Bits(); bits < 64 {
			high = 1<<bits - 1
		}
		v.SetUint(rapid.Uint64Range(0, high).Draw(t, "uint"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(-1e9, 1e9).Draw(t, "float") + 0) // a negative zero is zero
	default:
		t.Fatalf("no random %s", v.Type())
	}
}

func drawValues(t *rapid.T, depth int) map[string]any {
	m := map[string]any{}
	for range rapid.IntRange(0, 3).Draw(t, "len") {
		m[rapid.String().Draw(t, "key")] = drawValue(t, depth)
	}
	return m
}

func drawValue(t *rapid.T, depth int) any {
	kinds := 7
	if depth >= maxDrawDepth {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64Range(-1e9, 1e9).Draw(t, "float") + 0.5
	case 4:
		return rapid.String().Draw(t, "string")
	case 5:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			list = append(list, drawValue(t, depth+1))
		}
		return list
	default:
		return drawValues(t, depth+1)
	}
}
