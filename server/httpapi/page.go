package httpapi

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/hashicorp/go-bexpr"
)

// maxFilterExpressions bounds what reading a filter costs. Real ones take some
// hundreds of the parser's steps.
const maxFilterExpressions = 100_000

// listing is a list that can be filtered (?filter=), turned round (?reverse) and read
// page by page (?per_page=, ?next_token=).
type listing[T any] struct {
	items iter.Seq[T]
	// key is unique among the items and orders them. It is also the token of the page
	// that begins behind the item.
	key func(T) string
	// sorted says that items come in the order of their keys.
	sorted bool
	// view is what is shown of an item; a filter sees the item itself.
	view func(T) any
}

// answer returns the page that a call asks for, and sets the header that says where
// the next one begins. Without filter and paging it is a sequence, made as it is sent.
func (l listing[T]) answer(c *call) (any, error) {
	perPage, err := c.number("per_page")
	if err != nil {
		return nil, err
	}
	reverse, err := c.flag("reverse")
	if err != nil {
		return nil, err
	}
	keep, err := l.filter(c.query.Get("filter"))
	if err != nil {
		return nil, err
	}
	token := c.query.Get("next_token")
	items := l.ordered(reverse)
	if perPage == 0 && keep == nil && token == "" {
		return sequence(func(yield func(any) bool) {
			for item := range items {
				if !yield(l.view(item)) {
					return
				}
			}
		}), nil
	}
	page := []any{}
	last := ""
	for item := range items {
		key := l.key(item)
		if token != "" && !behind(key, token, reverse) {
			continue
		}
		if keep != nil {
			ok, err := keep(item)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		if perPage > 0 && uint64(len(page)) == perPage {
			c.w.Header().Set("X-Nomad-NextToken", last)
			break
		}
		page = append(page, l.view(item))
		last = key
	}
	return page, nil
}

// behind reports whether a key comes after the token of the last page.
func behind(key, token string, reverse bool) bool {
	if reverse {
		return key < token
	}
	return key > token
}

// ordered yields the items by key, backwards if asked.
func (l listing[T]) ordered(reverse bool) iter.Seq[T] {
	if l.sorted && !reverse {
		return l.items
	}
	all := slices.Collect(l.items)
	if !l.sorted {
		slices.SortFunc(all, func(a, b T) int { return cmp.Compare(l.key(a), l.key(b)) })
	}
	if reverse {
		slices.Reverse(all)
	}
	return slices.Values(all)
}

// filter returns what decides whether an item is shown, or nil for no expression.
func (l listing[T]) filter(expression string) (func(T) (bool, error), error) {
	if expression == "" {
		return nil, nil
	}
	evaluator, err := bexpr.CreateEvaluator(expression, bexpr.WithMaxExpressions(maxFilterExpressions))
	if err != nil {
		return nil, malformed("failed to read filter expression: %v", err)
	}
	flat := flattener(reflect.TypeFor[T]())
	return func(item T) (ok bool, err error) {
		// The library panics on selectors that fit no value.
		defer func() {
			if r := recover(); r != nil {
				err = malformed("filter expression %q does not fit: %v", expression, r)
			}
		}()
		if ok, err = evaluator.Evaluate(flat(item)); err != nil {
			return false, malformed("filter expression %q does not fit: %v", expression, err)
		}
		return ok, nil
	}, nil
}

// flattener returns what makes of a pointer to a struct one whose embedded fields,
// such as CreateIndex, are its own: the filter library does not find them otherwise.
func flattener(t reflect.Type) func(any) any {
	same := func(item any) any { return item }
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return same
	}
	var fields []reflect.StructField
	embedded := false
	for _, f := range reflect.VisibleFields(t.Elem()) {
		embedded = embedded || f.Anonymous
		if !f.Anonymous && f.IsExported() {
			fields = append(fields, f)
		}
	}
	if !embedded {
		return same
	}
	own := slices.Clone(fields)
	for i := range own {
		own[i].Index, own[i].Offset = nil, 0
	}
	flat := reflect.StructOf(own)
	return func(item any) any {
		from, to := reflect.ValueOf(item).Elem(), reflect.New(flat)
		for i, f := range fields {
			to.Elem().Field(i).Set(from.FieldByIndex(f.Index))
		}
		return to.Interface()
	}
}

// byCreation is the key of objects that are listed oldest first.
func byCreation(createIndex uint64, id string) string {
	return fmt.Sprintf("%020d.%s", createIndex, id)
}
