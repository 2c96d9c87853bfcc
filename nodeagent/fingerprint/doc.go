// Package fingerprint finds out what a node is and has: the attributes that
// constraints compare and the resources that placement shares out. Each
// Fingerprinter is a folder of its own and a line in Default, or in Clouds if it asks
// over the network.
//
//	machine := fingerprint.NewSurvey(fingerprint.Default(fingerprint.Options{DataDir: dir}))
//	err := machine.Look(ctx) // again whenever Changes says so
//	machine.Write(node)
//
// They run side by side and none but cni starts other programs (for plugins that it has
// not seen before): an agent is to be ready in a fraction of a second. Figures that
// waver by nature, a core's present speed or the size of a file system that grows with
// what is in it, are held at what was found first, so that a node changes only when
// something did.
package fingerprint
