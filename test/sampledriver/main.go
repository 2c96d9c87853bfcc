// Command sampledriver is a task driver in a program of its own: it runs commands as
// processes of the node. It knows nothing of drover but the protocol of driver programs
// (package wire), and is served by the library that Nomad's drivers are served by.
// docs/writing-a-driver.md explains it.
package main

import (
	"context"
	"os"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/droverhq/drover/nodeagent/drivers/outside/wire"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "hold" {
		os.Exit(hold(os.Args[2]))
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  1,
			MagicCookieKey:   "NOMAD_PLUGIN_MAGIC_COOKIE",
			MagicCookieValue: "e4327c2e01eabfd75a8a67adb114fb34a757d57eee7728d857a8cec6e91a7255",
		},
		Plugins:    map[string]goplugin.Plugin{"driver": &served{}},
		GRPCServer: goplugin.DefaultGRPCServer,
	})
}

// served is the driver as the library wants it.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (*served) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	d := &sample{tasks: map[string]*task{}}
	wire.RegisterBasePluginServer(s, d)
	wire.RegisterDriverServer(s, d)
	return nil
}

func (*served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil // it is only served
}
