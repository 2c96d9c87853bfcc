// Package artifact fetches what a task's artifact blocks ask for, in a process of its own.
//
//	f := artifact.New(artifact.Options{Program: []string{self, artifact.Name}, Limits: limits})
//	err := f.Fetch(ctx, artifact.Order{Source: "https://…/web.tar.gz", Root: allocDir, Place: "web/local"})
//
// What is fetched comes from people who are not to be trusted with the node: an archive
// may hold links that lead out of it, be a thousand times as large as it looks, or make
// the program that unpacks it misbehave. So three walls stand around it. The process runs
// as nobody, where the agent is root and nobody can get to the directory. It is confined
// by Landlock, where the kernel has it: it can write to the destination and a directory
// of its own, and read what programs are made of, certificates and names. And what it
// has fetched is looked through before the task sees it: a link that leads out of the
// allocation's directory, or a file that is none, fails the fetch and is removed.
//
// The process is this program itself under another name (see Main). It ends with the
// context, with its time, and with the agent, together with all that it started.
package artifact
