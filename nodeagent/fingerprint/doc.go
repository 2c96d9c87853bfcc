// Package fingerprint finds out what a node is and has: the attributes that
// constraints compare and the resources that placement shares out. Each
// Fingerprinter is a folder of its own and a line in Default.
//
//	node := &api.Node{ID: id, …}
//	err := fingerprint.Run(ctx, fingerprint.Default(fingerprint.Options{DataDir: dir}), node)
//
// They run side by side and none but cni starts other programs: an agent is to be ready
// in a fraction of a second.
package fingerprint
