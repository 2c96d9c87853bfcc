// Package kindspec says what author-defined kinds may be, and which objects are of one:
// it reads the JSON Schema of a definition and holds objects against it.
//
//	schema, err := kindspec.Compile(definition.Schema)
//	err = schema.Check(resource)   // *api.InvalidError, with the path of all that is wrong
//
// A schema is of draft 2020-12 unless its $schema says otherwise. It may refer to parts
// of itself, never to files or other machines: it comes from anybody. For the same reason
// its size is bounded, and so is the work of a check: one that would take too many steps
// is refused before it begins.
//
// Text in HCL does not say whether a block is the only one or one of a list. Shape asks
// the schema.
package kindspec
