// Package java is the driver java: it runs a program on the Java machine of the node,
// set apart from the node as package isolated has it.
//
//	task "server" {
//	  driver = "java"
//	  config {
//	    jar_path    = "local/server.jar"
//	    jvm_options = ["-Xmx256m"]
//	    args        = ["-port", "${NOMAD_PORT_http}"]
//	  }
//	}
//
// In place of jar_path there may be a class, with the class_path to find it on.
package java

import (
	"github.com/droverhq/drover/nodeagent/driver/block"
	"github.com/droverhq/drover/nodeagent/drivers/isolated"
)

// Name is the driver's name in jobspecs.
const Name = "java"

// New returns the driver. It is detected where there is a java in the agent's PATH.
func New(o isolated.Options) *isolated.Driver {
	m := &isolated.Program{Name: program, Args: []string{"-version"}, Parse: parseVersion}
	return isolated.New(isolated.Kind{Name: Name, Command: command, Detect: m.Detect}, o)
}

// program is what the Java machine is called.
const program = "java"

func command(b *block.Block) (string, []string) {
	class, jar := b.Text("class"), b.Text("jar_path")
	switch {
	case class == "" && jar == "":
		b.Wrong("jar_path", "is missing: say which jar_path, or which class, to run")
	case class != "" && jar != "":
		b.Wrong("class", "can't be beside jar_path: a jar says itself which class to run")
	}
	args := b.Texts("jvm_options")
	if path := b.Text("class_path"); path != "" {
		args = append(args, "-cp", path)
	}
	if jar != "" {
		args = append(args, "-jar", jar)
	} else {
		args = append(args, class)
	}
	return program, append(args, b.Texts("args")...)
}
