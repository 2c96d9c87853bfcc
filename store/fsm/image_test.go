package fsm_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store"
	"github.com/droverhq/drover/store/fsm"
)

func image(t testing.TB, m *fsm.Machine) []byte {
	t.Helper()
	i := m.Image()
	var b bytes.Buffer
	if err := errors.Join(i.Write(&b, nil), i.Close()); err != nil {
		t.Fatalf("image: %v", err)
	}
	return b.Bytes()
}

// A replica that was behind, or is new, goes on from another's image as if it had seen
// every entry, also when a backup is being restored just then.
func TestAReplicaGoesOnFromTheImageOfAnother(t *testing.T) {
	t.Parallel()
	h := newHistory(t, rand.New(rand.NewPCG(4, 4)), 80)
	ahead := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	for at := 0; at < len(h.entries); at++ {
		h.run(t, ahead, at, at+1)
		if at%9 != 8 {
			continue
		}
		disk := vfs.NewMem()
		behind := openMachine(t, fsm.Options{FS: disk})
		h.run(t, behind, 0, at/2)
		feed := behind.Tables().Watch(behind.Tables().Index())
		if err := behind.Recover(bytes.NewReader(image(t, ahead)), nil); err != nil {
			t.Fatalf("recover: %v", err)
		}
		if _, _, err := feed.Next(t.Context()); !errors.Is(err, store.ErrResync) {
			t.Fatalf("feed: %v, want ErrResync", err)
		}
		feed.Close()
		if applied := h.check(t, behind); applied != at+1 {
			t.Fatalf("entry %d was applied, want %d", applied, at+1)
		}
		if err := behind.Close(); err != nil {
			t.Fatal(err)
		}
		if applied := h.check(t, openMachine(t, fsm.Options{FS: disk})); applied != len(h.entries) {
			t.Fatalf("entry %d was applied after opening again", applied)
		}
	}
}

func TestAnImageIsOfTheMomentWhenItWasTaken(t *testing.T) {
	t.Parallel()
	h := newHistory(t, rand.New(rand.NewPCG(5, 5)), 40)
	m := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	h.run(t, m, 0, 20)
	i := m.Image()
	h.run(t, m, 20, 40)
	var b bytes.Buffer
	if err := errors.Join(i.Write(&b, nil), i.Close()); err != nil {
		t.Fatal(err)
	}
	other := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	if err := other.Recover(&b, nil); err != nil {
		t.Fatal(err)
	}
	if applied := h.check(t, other); applied != 20 {
		t.Fatalf("entry %d was applied, want 20", applied)
	}
}

func TestABrokenImageChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHistory(t, rand.New(rand.NewPCG(6, 6)), 40)
	source := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	h.run(t, source, 0, len(h.entries))
	whole := image(t, source)
	stop := make(chan struct{})
	close(stop)
	for name, try := range map[string]func(*fsm.Machine) error{
		"cut short":          func(m *fsm.Machine) error { return m.Recover(bytes.NewReader(whole[:len(whole)-1]), nil) },
		"cut in half":        func(m *fsm.Machine) error { return m.Recover(bytes.NewReader(whole[:len(whole)/2]), nil) },
		"empty":              func(m *fsm.Machine) error { return m.Recover(bytes.NewReader(nil), nil) },
		"of an unknown kind": func(m *fsm.Machine) error { return m.Recover(bytes.NewReader([]byte("nonsense")), nil) },
		"with a wrong number": func(m *fsm.Machine) error {
			return m.Recover(bytes.NewReader(append(whole[:len(whole)-1:len(whole)-1], 1)), nil)
		},
	} {
		disk := vfs.NewMem()
		m := openMachine(t, fsm.Options{FS: disk})
		h.run(t, m, 0, 10)
		if err := try(m); err == nil {
			t.Fatalf("%s: no error", name)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if applied := h.check(t, openMachine(t, fsm.Options{FS: disk})); applied != 10 {
			t.Fatalf("%s: entry %d was applied, want 10", name, applied)
		}
	}
	i := source.Image()
	if err := i.Write(new(bytes.Buffer), stop); !errors.Is(err, fsm.ErrStopped) {
		t.Fatalf("write: %v, want ErrStopped", err)
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
}

// Objects of a kind that only a newer version knows go through everything unharmed.
func TestUnknownKindsSurviveEverything(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	m := openMachine(t, fsm.Options{FS: disk})
	key := api.Key{Kind: "Tomorrow", Namespace: "a", ID: "x"}
	if err := m.Update([]fsm.Entry{{Index: 1, Cmd: unknownKind()}}); err != nil {
		t.Fatal(err)
	}
	check := func(what string, m *fsm.Machine) {
		t.Helper()
		o, ok := m.Tables().Snapshot().Get(key)
		if !ok {
			t.Fatalf("%s: it is gone", what)
		}
		if b, err := o.MarshalMsg(nil); err != nil || string(b) != "new" {
			t.Fatalf("%s: its bytes are %q, error %v", what, b, err)
		}
		if _, modify := o.Indexes(); modify != 1 {
			t.Fatalf("%s: modify index %d", what, modify)
		}
	}
	check("applied", m)
	other := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	if err := other.Recover(bytes.NewReader(image(t, m)), nil); err != nil {
		t.Fatal(err)
	}
	check("image", other)
	id := fsm.Token{1}
	pieces, end := stage(t, id, save(t, m))
	third := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	for i, cmd := range append(append([][]byte{fsm.StageBegin(newHeader(), id)}, pieces...), end) {
		e := []fsm.Entry{{Index: uint64(i + 1), Cmd: cmd}}
		if err := third.Update(e); err != nil {
			t.Fatal(err)
		}
	}
	check("backup", third)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	check("opened again", openMachine(t, fsm.Options{FS: disk}))
}

// unknownKind is an entry that puts an object of a kind that is not known here.
func unknownKind() []byte {
	field := func(s string) string { return string(rune(len(s))) + s }
	txn := "\x00\x01" + field("Tomorrow\x00a\x00x") + "\x01" + field("new")
	return append(emptyHead(), []byte("\x01"+field(txn))...)
}

// emptyHead is a group up to the number of its transactions.
func emptyHead() []byte {
	none := fsm.AppendGroup(nil, newHeader())
	return none[:len(none)-1]
}

func TestAnEntryOfANewerVersionStopsTheMachine(t *testing.T) {
	t.Parallel()
	for name, cmd := range map[string][]byte{
		"version":     append([]byte{99}, fsm.AppendGroup(nil, newHeader())[1:]...),
		"type":        append([]byte{1, 99}, fsm.AppendGroup(nil, newHeader())[2:]...),
		"empty":       {},
		"transaction": append(emptyHead(), 1, 3, 0, 1, 0),
	} {
		var fatal error
		m := openMachine(t, fsm.Options{FS: vfs.NewMem(), Fatal: func(err error) { fatal = err }})
		if err := m.Update([]fsm.Entry{{Index: 1, Cmd: cmd}}); err == nil || fatal == nil {
			t.Fatalf("%s: error %v, fatal %v", name, err, fatal)
		}
		if m.Applied() != 0 {
			t.Fatalf("%s: entry %d is applied", name, m.Applied())
		}
	}
}

func TestALaterRestoreTakesOver(t *testing.T) {
	t.Parallel()
	h := newHistory(t, rand.New(rand.NewPCG(7, 7)), 30)
	m := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	index := uint64(0)
	do := func(cmd []byte) bool {
		index++
		e := []fsm.Entry{{Index: index, Cmd: cmd}}
		if err := m.Update(e); err != nil {
			t.Fatal(err)
		}
		return !fsm.StageLost(e[0].Result)
	}
	first, second := newToken(), newToken()
	parts := func(id fsm.Token, state int) ([][]byte, []byte) { return stage(t, id, h.states[state]) }
	do(fsm.StageBegin(newHeader(), first))
	pieces, end := parts(first, 10)
	if !do(pieces[0]) {
		t.Fatal("the first piece was refused")
	}
	do(fsm.StageBegin(newHeader(), second))
	if pieces, _ := parts(first, 10); do(pieces[0]) || do(end) {
		t.Fatal("the restore that was overtaken goes on")
	}
	if _, end := parts(second, 20); do(end) {
		t.Fatal("a restore ended without its pieces")
	}
	pieces, end = parts(second, 20)
	again, endAgain := parts(second, 20)
	for i := range pieces {
		if !do(pieces[i]) || do(again[i]) {
			t.Fatalf("piece %d was not taken exactly once", i)
		}
	}
	if !do(end) || do(endAgain) {
		t.Fatal("the restore did not end exactly once")
	}
	if !slices.Equal(objects(t, save(t, m)), objects(t, h.states[20])) {
		t.Fatal("the state is not what was restored")
	}
}

func TestAnEntryThatIsProposedTwiceHasOneEffect(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	m := openMachine(t, fsm.Options{FS: disk})
	update := func(index uint64, cmd []byte) []byte {
		t.Helper()
		e := []fsm.Entry{{Index: index, Cmd: cmd}}
		if err := m.Update(e); err != nil {
			t.Fatal(err)
		}
		return e[0].Result
	}
	entry := func(base uint64) []byte {
		h := newHeader()
		h.Base = base
		return fsm.AppendGroup(nil, h, proposal(t, store.Txn{Writes: []store.Write{store.Put(&api.Namespace{Name: "a"})}}))
	}
	once := entry(10)
	result := update(11, once)
	update(12, entry(11))
	if again := update(13, once); !bytes.Equal(again, result) || m.Tables().Index() != 2 {
		t.Fatalf("result %x after %x, index %d", again, result, m.Tables().Index())
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = openMachine(t, fsm.Options{FS: disk})
	other := openMachine(t, fsm.Options{FS: vfs.NewMem()})
	if err := other.Recover(bytes.NewReader(image(t, m)), nil); err != nil {
		t.Fatal(err)
	}
	for _, m = range []*fsm.Machine{m, other} {
		if again := update(10+fsm.Window, once); !bytes.Equal(again, result) || m.Tables().Index() != 2 {
			t.Fatalf("at the end of the window: result %x after %x, index %d", again, result, m.Tables().Index())
		}
		if late := update(11+fsm.Window, once); !fsm.Expired(late) || m.Tables().Index() != 2 {
			t.Fatalf("behind the window: result %x, index %d", late, m.Tables().Index())
		}
		if late := update(12+fsm.Window, entry(11)); !fsm.Expired(late) {
			t.Fatalf("a new entry that comes late: result %x", late)
		}
		update(13+fsm.Window, entry(12+fsm.Window))
		if m.Tables().Index() != 3 {
			t.Fatalf("index is %d", m.Tables().Index())
		}
	}
}
