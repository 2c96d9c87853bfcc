package keys_test

import (
	"bytes"
	"cmp"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store/keys"
)

var genKey = rapid.Custom(func(t *rapid.T) api.Key {
	return api.Key{
		Kind:      rapid.SampledFrom([]api.Kind{api.KindJob, api.KindJobStatus, "Tomorrow"}).Draw(t, "kind"),
		Namespace: rapid.StringMatching(`[a-c\x01\xff]{0,3}`).Draw(t, "namespace"),
		ID:        rapid.StringMatching(`[a-c\x01\xff]{1,4}`).Draw(t, "id"),
	}
})

func TestKeysReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := genKey.Draw(t, "key")
		b := keys.Append(nil, k)
		if len(b) != keys.Len(k) {
			t.Fatalf("%d bytes, want %d", len(b), keys.Len(k))
		}
		if got, err := keys.Parse(b); err != nil || got != k {
			t.Fatalf("read %v, error %v, want %v", got, err, k)
		}
	})
}

func TestTheOrderOfTheBytesIsThatOfTheKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genKey.Draw(t, "a"), genKey.Draw(t, "b")
		want := cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.ID, b.ID))
		if got := bytes.Compare(keys.Append(nil, a), keys.Append(nil, b)); got != want {
			t.Fatalf("%v and %v compare as %d, want %d", a, b, got, want)
		}
	})
}

func TestRangesHoldTheirKeysAndNoOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		generation, other := rapid.Uint32Range(1, 300).Draw(t, "generation"), rapid.Uint32Range(1, 300).Draw(t, "other")
		a, b := genKey.Draw(t, "a"), genKey.Draw(t, "b")
		db := append(keys.AppendPrefix(nil, other), keys.Append(nil, b)...)
		within := func(from, to []byte) bool { return bytes.Compare(from, db) <= 0 && bytes.Compare(db, to) < 0 }
		if from, to := keys.KindRange(generation, a.Kind); within(from, to) != (generation == other && a.Kind == b.Kind) {
			t.Fatalf("%q in the range of %s in generation %d", db, a.Kind, generation)
		}
		if from, to := keys.Generation(generation); within(from, to) != (generation == other) {
			t.Fatalf("%q in generation %d", db, generation)
		}
		if from, to := keys.Objects(); !within(from, to) {
			t.Fatalf("%q is not an object", db)
		}
		if keys.GenerationOf(db) != other || !bytes.Equal(keys.Object(db), keys.Append(nil, b)) {
			t.Fatalf("%q is of generation %d, key %q", db, keys.GenerationOf(db), keys.Object(db))
		}
	})
}

func TestMalformedKeysAreRefused(t *testing.T) {
	for _, bad := range []string{"", "Job", "Job\x00a", "\x00a\x00b", "Job\x00a\x00", "Job\x00a\x00b\x00c"} {
		if k, err := keys.Parse([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, k)
		}
	}
}

func TestValuesReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		create, modify, object := rapid.Uint64().Draw(t, "create"), rapid.Uint64().Draw(t, "modify"), rapid.SliceOf(rapid.Byte()).Draw(t, "object")
		c, m, o, err := keys.SplitValue(append(keys.AppendIndexes(nil, create, modify), object...))
		if err != nil || c != create || m != modify || !bytes.Equal(o, object) {
			t.Fatalf("read %d, %d, %x, error %v", c, m, o, err)
		}
	})
	for _, bad := range [][]byte{nil, {0x80}, {1}, {1, 0x80}} {
		if _, _, _, err := keys.SplitValue(bad); err == nil {
			t.Errorf("%x was read", bad)
		}
	}
}
