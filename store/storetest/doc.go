// Package storetest is the suite that every implementation of store.Store passes.
//
// [Run] checks the contract clause by clause. [RunModel] applies random transactions,
// reads and restarts to a store and to a model of a few lines, and compares all that can
// be seen of them:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, open)
//		storetest.RunModel(t, open)
//	}
//
// An [Opener] says how to get a store. One that keeps its objects on disk also
// says how to open it again ([Opened].Reopen).
package storetest
