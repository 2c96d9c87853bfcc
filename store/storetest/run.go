package storetest

import (
	"testing"

	"github.com/droverhq/drover/store/table"
)

// Run checks that a store keeps the contract of store.Store.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"a transaction is applied whole, at one index", appliedWhole},
		{"a transaction whose condition fails changes nothing", conditionFails},
		{"a condition of index 0 means absent", conditionAbsent},
		{"every transaction has an index of its own", ownIndex},
		{"of transactions with the same condition one wins", oneWins},
		{"an object keeps its create index until it is deleted", createIndex},
		{"objects that were put belong to the caller", callersObjects},
		{"a transaction without writes only judges its conditions", withoutWrites},
		{"deleting what does not exist is no error", deleteAbsent},
		{"a malformed transaction is refused", malformed},
		{"a transaction that is too large is refused", tooLarge},
		{"a cancelled context is respected", cancelled},
		{"a snapshot does not change", snapshotStays},
		{"queries select by namespace, prefix and index, page by page", queries},
		{"index entries follow the object", indexEntries},
		{"objects of author-defined kinds are kept like others", authoredKinds},
		{"a feed tells everything in order, in whole transactions", feedOrder},
		{"a feed tells only the kinds that it watches", feedKinds},
		{"a feed with old and new objects", feedOldNew},
		{"a feed that falls behind is told to resync", feedResync},
		{"a feed says how far behind it is", feedBehind},
		{"a feed is not told to resync for changes that it does not watch", feedQuiet},
		{"a feed that is closed, or of a store that is closed, ends", feedEnds},
		{"WaitIndex returns when the index is reached", waitIndex},
		{"Sync shows what was applied", syncShows},
		{"the only replica leads", leads},
		{"a backup restores the whole state", backupRestores},
		{"a damaged backup is refused before anything changes", backupDamaged},
		{"readers resync after a restore", restoreResyncs},
		{"a closed store says so", closedStore},
		{"a store that is opened again has everything", reopened},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open)
		})
	}
}

// opened is an open store with the default options.
func opened(t *testing.T, open Opener) Opened { return open(t, table.Options{}) }
