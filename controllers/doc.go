// Package controllers is the list of drover's controllers: everything that moves the
// cluster from what is towards what is wanted. Each has a folder of its own, reads and
// writes objects, and knows nothing of the others:
//
//	m, err := reconcile.NewManager(reconcile.Options{Store: s, ServerID: id, Log: log})
//	…
//	err = controllers.Register(m, controllers.Options{})
//	…
//	err = m.Start(ctx)
//
// A new controller is one new folder, a field of Options and a line of Register.
package controllers
