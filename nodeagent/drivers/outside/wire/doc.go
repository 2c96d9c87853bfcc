// Package wire is the protocol of task drivers that are programs of their own: the one
// of Nomad's driver plugins, with the same names and numbers, so that existing ones
// work.
package wire

//go:generate ./generate.sh
