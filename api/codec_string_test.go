package api_test

import (
	"cmp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
)

// genID makes UUIDs, and what nearly is one.
var genID = rapid.Custom(func(t *rapid.T) string {
	id := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "uuid")
	switch rapid.IntRange(0, 4).Draw(t, "form") {
	case 0:
		return strings.ToUpper(id)
	case 1:
		return strings.ReplaceAll(id, "-", "_")
	case 2:
		return id[:rapid.IntRange(1, len(id)-1).Draw(t, "cut")]
	case 3:
		return rapid.StringN(1, 300, -1).Draw(t, "id")
	}
	return id
})

func TestIDsComeBackAsTheyAreAndCompareWithoutReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := &api.Allocation{ID: genID.Draw(t, "id"), NodeID: genID.Draw(t, "node"), EvalID: genID.Draw(t, "eval")}
		if rapid.Bool().Draw(t, "large") { // of more than 15 fields
			a.Namespace, a.Name, a.NodeName, a.JobID, a.JobVersion, a.TaskGroup, a.JobType = "ns", "n", "nn", "j", 2, "g", "service"
			a.DesiredStatus, a.DesiredDescription, a.Lost, a.UnknownSince, a.CreateTime = "run", "because", "lost", 3, 4
		}
		stored, err := a.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(stored) > a.Msgsize() {
			t.Fatalf("%d bytes, announced as %d at most", len(stored), a.Msgsize())
		}
		read, err := api.Decode(api.KindAllocation, stored)
		if err != nil {
			t.Fatal(err)
		}
		if got := read.(*api.Allocation); got.ID != a.ID || got.NodeID != a.NodeID || got.EvalID != a.EvalID {
			t.Fatalf("read %q, %q, %q, want %q, %q, %q", got.ID, got.NodeID, got.EvalID, a.ID, a.NodeID, a.EvalID)
		}
		for _, other := range []string{a.ID, genID.Draw(t, "other")} {
			if order, ok := api.CompareID(other, stored); !ok || order != cmp.Compare(other, a.ID) {
				t.Fatalf("%q is compared as %d, %t", other, order, ok)
			}
		}
	})
	for _, kind := range []api.Kind{api.KindAllocation, api.KindAllocationStatus, api.KindEvaluation} {
		rapid.Check(t, func(t *rapid.T) {
			o := drawObject(t, kind)
			stored, err := o.MarshalMsg(nil)
			if err != nil {
				t.Fatal(err)
			}
			if order, ok := api.CompareID(o.Key().ID, stored); ok != (o.Key().ID != "") || order != 0 {
				t.Fatalf("its own ID is compared as %d, %t", order, ok)
			}
		})
	}
}

func TestStringsOfOlderVersionsAreRead(t *testing.T) {
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	stored := append([]byte("\x81\xa2id\xd9\x24"), id...)
	o, err := api.Decode(api.KindAllocation, stored)
	if err != nil || o.Key().ID != id {
		t.Fatalf("read %v, error %v", o, err)
	}
	if order, ok := api.CompareID(id, stored); order != 0 || !ok {
		t.Fatalf("compared as %d, %t", order, ok)
	}
}

func FuzzCompareID(f *testing.F) {
	f.Add("a", []byte("\x81\xa2id\xa1a"))
	f.Add("a", []byte("\xde\x00\x01\xa2id\xc4\x10"))
	f.Fuzz(func(t *testing.T, id string, stored []byte) {
		order, ok := api.CompareID(id, stored)
		o, err := api.Decode(api.KindAllocation, stored)
		if ok && err == nil && strings.Count(string(stored), "\xa2id")+strings.Count(string(stored), "\xa2ID") == 1 && o.Key().ID != "" && order != cmp.Compare(id, o.Key().ID) {
			t.Errorf("compared as %d with %q", order, o.Key().ID)
		}
	})
}
