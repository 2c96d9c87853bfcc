// Package remote lets controllers run in a program of their own, against the HTTP API of
// a cluster. Nothing of a controller changes: a Mirror takes the place of the store.
//
//	mirror, err := remote.Open(ctx, remote.Options{
//		Client: client,
//		Kinds:  []api.Kind{api.KindNode, api.KindJob, api.KindJobVersion, "node_job"},
//	})
//	defer mirror.Close()
//	manager, err := reconcile.NewManager(reconcile.Options{Store: mirror, ServerID: "node-jobs"})
//	err = nodejob.Register(manager)
//	err = manager.Start(ctx)
//
// # Reading
//
// The mirror keeps the objects of its kinds in tables like those of a server. It lists
// them once and then follows /v1/event/stream; when the connection breaks it goes on from
// the index where it was, and when the server does not have that any more it lists again.
// Between the two it may be behind, never torn.
//
// It has the kinds that it was opened with: all but Leadership and NodeSession, which
// servers keep for themselves. Objects are as they are stored, each part of a joined one
// of its own: Node, NodeIntent and NodeStatus, say. What a controller reads must be among
// them: to look for an object of another kind panics (an *UnfollowedError), which the
// manager records as the error of the pass, because "there is none" would be a lie that
// controllers act on.
//
// # Writing
//
// A transaction is sent as it is (PUT /v1/txn) and made whole or not at all, with all of
// its conditions; it may have 1,000 writes. Servers hold every write to what other routes
// would accept: objects of author-defined kinds pass their schema, jobs are valid and come
// with their next version (see package jobs), evaluations are new ones. With an object
// goes its status. Other kinds belong to the controllers within the servers: to write one
// is an *UnwritableError, and final.
//
// # Running several
//
// Run one such program. The mirror says that it leads for as long as it is open, so two
// would both work. That is safe, because a transaction whose conditions name what it was
// decided on is made by one of them and conflicts for the other, but it is work done twice.
package remote
