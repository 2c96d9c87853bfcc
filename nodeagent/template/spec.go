package template

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	engine "github.com/hashicorp/consul-template/template"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/allocdir"
)

// one is a template block with what has been rendered of it.
type one struct {
	block    *api.Template
	compiled *engine.Template
	place    string // relative to the root of Options
	mode     os.FileMode
	rendered []byte
	done     bool // it has been rendered
	reads    map[string]bool
	quiet    time.Time // when what it reads has not changed for long enough; zero: it is up to date
	latest   time.Time // when it is rendered, though that goes on
}

// compile makes a template of a block, whose texts are interpolated.
func compile(block *api.Template, o *Options) (*one, error) {
	t := &one{block: block, mode: 0o644, reads: map[string]bool{}}
	var err error
	if t.place, err = o.Place(o.Replace(api.Deref(block.DestPath))); err != nil {
		return nil, invalid("destination", err)
	}
	if perms := api.Deref(block.Perms); perms != "" {
		mode, err := strconv.ParseUint(perms, 8, 32)
		if err != nil || mode > 0o777 {
			return nil, invalid("perms", fmt.Errorf("%q is not of the form 644", perms))
		}
		t.mode = os.FileMode(mode)
	}
	text := api.Deref(block.EmbeddedTmpl)
	if source := api.Deref(block.SourcePath); source != "" {
		if text, err = o.read(o.Replace(source)); err != nil {
			return nil, fmt.Errorf("read the source: %w", err)
		}
	}
	if text == "" {
		text = "{{/* nothing */}}" // the engine takes it for a mistake
	}
	t.compiled, err = engine.NewTemplate(&engine.NewTemplateInput{
		Contents: text, ErrMissingKey: api.Deref(block.ErrMissingKey),
		LeftDelim: api.Deref(block.LeftDelim), RightDelim: api.Deref(block.RightDelim),
		ExtFuncMap: o.functions(), FunctionDenylist: o.Denied,
	})
	return t, err
}

// invalid says that a block can never be rendered as it is.
func invalid(field string, err error) error {
	e := &api.InvalidError{What: "template"}
	e.Add(field, err.Error())
	return e
}

// name is what messages call a template.
func (t *one) name() string { return api.Deref(t.block.DestPath) }

// write puts what has been rendered into its place, as a whole or not at all.
func (t *one) write(root *os.Root, content []byte) error {
	dir := filepath.Dir(t.place)
	if err := root.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if old, err := allocdir.ReadFile(root, t.place, int64(len(content))); err == nil && bytes.Equal(old, content) {
		return t.adorn(root, t.place)
	}
	return allocdir.WriteFile(root, t.place, content, func(name string) error { return t.adorn(root, name) })
}

// adorn gives a file the mode and the owner of the template.
func (t *one) adorn(root *os.Root, name string) error {
	uid, gid := t.block.Uid, t.block.Gid
	if (uid != nil || gid != nil) && os.Geteuid() == 0 {
		owner := func(id *int) int {
			if id == nil {
				return -1 // as it is
			}
			return *id
		}
		if err := root.Lchown(name, owner(uid), owner(gid)); err != nil {
			return err
		}
	}
	return root.Chmod(name, t.mode)
}

// maxFile is how large a file may be that a template reads.
const maxFile = 8 << 20

// read returns the content of a file of the task.
func (o *Options) read(path string) (text string, err error) {
	place, err := o.Place(path)
	if err != nil {
		return "", err
	}
	root, err := o.open()
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := root.Close(); err == nil {
			err = closeErr
		}
	}()
	b, err := allocdir.ReadFile(root, place, maxFile)
	return string(b), err
}

func (o *Options) open() (*os.Root, error) { return os.OpenRoot(o.Root) }
