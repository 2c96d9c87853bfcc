package fsm

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
)

var genKey = rapid.Custom(func(t *rapid.T) api.Key {
	return api.Key{
		Kind:      rapid.SampledFrom([]api.Kind{api.KindJob, api.KindNamespace, "Tomorrow"}).Draw(t, "kind"),
		Namespace: rapid.SampledFrom([]string{"", "a", "ünïcode"}).Draw(t, "namespace"),
		ID:        rapid.StringMatching(`[a-z/@ ]{1,12}`).Draw(t, "id"),
	}
})

func TestATransactionComesOutOfTheLogAsItWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in store.Txn
		for range rapid.IntRange(0, 4).Draw(t, "conditions") {
			in.Conditions = append(in.Conditions, store.Condition{Key: genKey.Draw(t, "key"), ModifyIndex: rapid.Uint64().Draw(t, "index")})
		}
		written := make(map[api.Key]bool)
		for range rapid.IntRange(0, 4).Draw(t, "writes") {
			key := genKey.Draw(t, "key")
			w := store.Delete(key)
			if rapid.Bool().Draw(t, "put") {
				w = store.Put(&api.Namespace{Name: key.ID, Description: rapid.String().Draw(t, "description")})
			}
			if !written[w.Key()] {
				written[w.Key()] = true
				in.Writes = append(in.Writes, w)
			}
		}
		p, err := Encode(in)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		for _, local := range []*Proposal{nil, p} {
			out, err := decodeTxn(p.bytes, local)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if !reflect.DeepEqual(out.conditions, in.Conditions) {
				t.Fatalf("conditions are %v, want %v", out.conditions, in.Conditions)
			}
			if len(out.writes) != len(in.Writes) {
				t.Fatalf("%d writes, want %d", len(out.writes), len(in.Writes))
			}
			for i, w := range out.writes {
				if w.Key != in.Writes[i].Key() {
					t.Fatalf("write %d is of %s, want %s", i, w.Key, in.Writes[i].Key())
				}
				if put := in.Writes[i].Put; put != nil && !reflect.DeepEqual(w.Object, put) || put == nil && w.Object != nil {
					t.Fatalf("write %d is %v, want %v", i, w.Object, put)
				}
			}
		}
	})
}

func TestOutcomesComeBackToTheirProposals(t *testing.T) {
	key := api.Key{Kind: api.KindNamespace, ID: "a"}
	p, err := Encode(store.Txn{Conditions: []store.Condition{store.Absent(api.Key{Kind: api.KindJob, ID: "x"}), {Key: key, ModifyIndex: 7}}})
	if err != nil {
		t.Fatal(err)
	}
	conflict := store.ConflictError{Key: key, Want: 7, Have: 9}
	decoded := &txn{conditions: p.conditions}
	result := appendOutcome(appendOutcome(nil, decoded, 42, nil), decoded, 0, &conflict)
	out, err := Outcomes(result, p, p)
	if err != nil || out[0].Index != 42 || out[0].Conflict != nil || *out[1].Conflict != conflict {
		t.Fatalf("outcomes are %+v, error %v", out, err)
	}
	if _, err := Outcomes(result[:len(result)-1], p, p); err == nil {
		t.Fatal("no error from a result that is cut short")
	}
}

func TestATransactionThatIsTooLargeIsNotEncoded(t *testing.T) {
	var conditions []store.Condition
	for range store.MaxTxnBytes / 4000 {
		conditions = append(conditions, store.Absent(api.Key{Kind: api.KindJob, Namespace: "a", ID: strings.Repeat("x", 4000)}))
	}
	if _, err := Encode(store.Txn{Conditions: conditions}); !errors.Is(err, api.ErrTooLarge) {
		t.Fatalf("error is %v, want too large", err)
	}
}

// FuzzTransaction reads what may come out of a damaged log: it must be refused, or be a
// well-formed transaction, without a panic and without taking more memory than there
// are bytes.
func FuzzTransaction(f *testing.F) {
	for _, txn := range []store.Txn{
		{},
		{Conditions: []store.Condition{store.Absent(api.Key{Kind: api.KindJob, Namespace: "a", ID: "b"})}},
		{Writes: []store.Write{store.Put(&api.Namespace{Name: "a"}), store.Delete(api.Key{Kind: "Tomorrow", ID: "x"})}},
		{Writes: []store.Write{store.Put(&api.Job{Namespace: new("a"), ID: new("b"), Meta: map[string]string{"k": "v"}})}},
	} {
		p, err := Encode(txn)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := decodeTxn(b, nil)
		if err != nil {
			return
		}
		if len(out.writes) != len(out.raw) {
			t.Fatalf("%d writes of %d", len(out.writes), len(out.raw))
		}
		for i, w := range out.writes {
			if err := store.ValidateKey(w.Key); err != nil {
				t.Fatal(err)
			}
			if (w.Object == nil) != (out.raw[i].bytes == nil) {
				t.Fatalf("write %d is both a put and a delete", i)
			}
		}
	})
}
