package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
)

// credentials are what opens a registry.
type credentials struct {
	User, Password string
	Server         string
	Token          string // instead of user and password
}

// hub is how passwords of the registry docker.io are filed.
const hub = "https://index.docker.io/v1/"

// authOf returns what the engine shows to the registry of an image, in its form. The
// task's own password is taken, else that of the operator's file, else that of the
// operator's helper.
func (o *Options) authOf(ctx context.Context, image string, c *config) (string, error) {
	server := serverOf(image)
	found := c.Auth
	var err error
	if found == nil && o.Auth.Config != "" {
		found, err = fileAuth(ctx, o.Auth.Config, server)
	}
	if found == nil && err == nil && o.Auth.Helper != "" {
		found, err = helperAuth(ctx, o.Auth.Helper, server)
	}
	if err != nil && c.AuthSoftFail {
		o.Log.Info("pulling without a password", "image", image, "reason", err.Error())
		return "", nil
	}
	if err != nil || found == nil {
		return "", err
	}
	if found.Server != "" {
		server = found.Server
	}
	return authconfig.Encode(registry.AuthConfig{
		Username: found.User, Password: found.Password, IdentityToken: found.Token, ServerAddress: server,
	})
}

// serverOf returns the name by which passwords of an image's registry are filed.
func serverOf(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	if domain := reference.Domain(named); domain != "docker.io" {
		return domain
	}
	return hub
}

// fileAuth looks into a file that the docker command has written. Nil: it has nothing on
// the server.
func fileAuth(ctx context.Context, path, server string) (*credentials, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Auths       map[string]struct{ Auth, Username, Password, IdentityToken string }
		CredHelpers map[string]string
		CredsStore  string
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if helper := file.CredHelpers[server]; helper != "" {
		return helperAuth(ctx, helper, server)
	}
	for name, entry := range file.Auths {
		if !sameServer(name, server) || entry.Auth == "" && entry.Username == "" && entry.IdentityToken == "" {
			continue
		}
		found := &credentials{User: entry.Username, Password: entry.Password, Token: entry.IdentityToken}
		if entry.Auth != "" {
			both, err := base64.StdEncoding.DecodeString(entry.Auth)
			user, password, ok := strings.Cut(string(both), ":")
			if err != nil || !ok {
				return nil, fmt.Errorf("%s: auth of %s is not base64 of USER:PASSWORD", path, name)
			}
			found.User, found.Password = user, strings.TrimRight(password, "\x00")
		}
		return found, nil
	}
	if file.CredsStore != "" {
		return helperAuth(ctx, file.CredsStore, server)
	}
	return nil, nil
}

// sameServer compares names of servers, which may be written as addresses of pages.
func sameServer(name, server string) bool {
	bare := func(s string) string {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
		host, _, _ := strings.Cut(s, "/")
		return host
	}
	return bare(name) == bare(server)
}

const (
	helperPrefix = "docker-credential-"
	helperLimit  = 30 * time.Second // it may ask somebody far away
)

// helperAuth asks a program for the password. Nil: it has none.
func helperAuth(ctx context.Context, helper, server string) (*credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, helperLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, helperPrefix+helper, "get")
	cmd.Stdin = strings.NewReader(server)
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	text := strings.TrimSpace(string(out) + said.String())
	var exit *exec.ExitError
	if errors.As(err, &exit) && strings.Contains(text, "credentials not found") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w: %s", helperPrefix, helper, err, text)
	}
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("%s%s: its answer: %w", helperPrefix, helper, err)
	}
	if answer.Username == "<token>" {
		return &credentials{Token: answer.Secret}, nil
	}
	return &credentials{User: answer.Username, Password: answer.Secret}, nil
}
