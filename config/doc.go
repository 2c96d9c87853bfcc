// Package config reads the configuration of an agent: defaults, then the files of
// -config in the order given (the files of a folder in the order of their names),
// then flags. Each overlays what came before: a value that is set replaces, lists
// grow, maps are merged.
//
//	flags := new(config.Flags)
//	flags.Register(flag.CommandLine)
//	flag.Parse()
//	cfg, notes, err := config.Load(flags)
//
// Files are HCL (*.hcl) or JSON (*.json) with the keys of Nomad's agent
// configuration. A key that exists there but has no effect here yet is accepted and
// reported as a note, to be logged; any other unknown key is an error that says
// where it stands.
package config
