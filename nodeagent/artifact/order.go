package artifact

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/droverhq/drover/api"
)

// Modes of what is fetched.
const (
	ModeAny  = "any"  // a directory, or a file into the directory Place
	ModeFile = "file" // a file that becomes Place
	ModeDir  = "dir"
)

// Order is one thing to fetch.
type Order struct {
	Source   string // as go-getter has it, with the options as its query
	Mode     string // empty: ModeAny
	Headers  map[string]string
	Insecure bool // the certificate of the server is not looked at

	// Root is the directory that nothing leads out of, whoever may put links there; Place
	// the destination in it, and Scratch where a directory for what is under way may be
	// made.
	Root, Place, Scratch string
	// Chown gives what was fetched to that user ID and group ID; nil: it belongs to whoever fetched it.
	Chown *Owner
}

// Owner is who files belong to.
type Owner struct{ UID, GID int }

// Limits bound what is fetched. The zero value of each is its default.
type Limits struct {
	HTTPReadTimeout time.Duration // of one request; default 30 min
	HTTPMaxBytes    int64         // of one answer; default 100 GB
	GitTimeout      time.Duration // default 30 min

	DecompressionMaxBytes int64 // of all files of an archive together; default 100 GB
	DecompressionMaxFiles int   // in an archive; default 4096
}

const (
	defaultTimeout  = 30 * time.Minute
	defaultMaxBytes = 100_000_000_000
	defaultMaxFiles = 4096
)

func (l Limits) withDefaults() Limits {
	orDefault(&l.HTTPReadTimeout, defaultTimeout)
	orDefault(&l.HTTPMaxBytes, defaultMaxBytes)
	orDefault(&l.GitTimeout, defaultTimeout)
	orDefault(&l.DecompressionMaxBytes, defaultMaxBytes)
	orDefault(&l.DecompressionMaxFiles, defaultMaxFiles)
	return l
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Error says why an artifact could not be fetched.
type Error struct {
	Source    string // without what may be secret in it
	Reason    string
	permanent bool
}

func (e *Error) Error() string {
	return fmt.Sprintf("failed to download artifact %q: %s", e.Source, e.Reason)
}

// Recoverable reports whether to try again may help.
func (e *Error) Recoverable() bool { return !e.permanent }

// SourceOf returns the source of an artifact block, whose texts replace interpolates,
// with its options as the query.
func SourceOf(a *api.TaskArtifact, replace func(string) string) (string, error) {
	source := strings.TrimSpace(replace(api.Deref(a.GetterSource)))
	if source == "" {
		return "", &Error{Reason: "the block has no source", permanent: true}
	}
	if len(a.GetterOptions) == 0 {
		return source, nil
	}
	query := url.Values{}
	for name, value := range a.GetterOptions {
		query.Set(replace(name), replace(value))
	}
	joint := "?"
	if strings.Contains(source, "?") {
		joint = "&"
	}
	return source + joint + query.Encode(), nil
}

// redact returns a source without password and query, for messages.
func redact(source string) string {
	forced, rest, found := strings.Cut(source, "::")
	if !found {
		forced, rest = "", source
	}
	rest, _, _ = strings.Cut(rest, "?")
	if u, err := url.Parse(rest); err == nil && u.User != nil {
		u.User = nil
		rest = u.String()
	}
	if forced != "" {
		rest = forced + "::" + rest
	}
	return rest
}

// schemes are those of sources that clients know and that are not there.
var schemes = []string{"s3", "gcs", "hg", "smb"}

// absent returns the kind of a source that can't be fetched, or "".
func absent(source string) string {
	scheme, _, _ := strings.Cut(source, ":")
	host, _, _ := strings.Cut(strings.TrimPrefix(source, "https://"), "/")
	switch {
	case slices.Contains(schemes, scheme):
		return scheme
	case strings.HasPrefix(host, "s3") && strings.HasSuffix(host, ".amazonaws.com"), strings.HasSuffix(host, ".s3.amazonaws.com"):
		return "s3"
	case host == "www.googleapis.com":
		return "gcs"
	}
	return ""
}
