package jobspec

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/bcrypt"
)

// encodingFunctions turn text into other text: encodings, digests, identifiers.
func encodingFunctions(d *decoder) evalFunctions {
	return evalFunctions{
		"base64decode": textFunction(decodeBase64),
		"base64encode": textFunction(func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil }),
		"bcrypt":       d.guarded(bcryptFunction, func([]cty.Value) int64 { return bcryptWork }),
		"md5":          textFunction(func(s string) (string, error) { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]), nil }),
		"sha1":         textFunction(func(s string) (string, error) { sum := sha1.Sum([]byte(s)); return hex.EncodeToString(sum[:]), nil }),
		"sha256": textFunction(func(s string) (string, error) {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:]), nil
		}),
		"sha512": textFunction(func(s string) (string, error) {
			sum := sha512.Sum512([]byte(s))
			return hex.EncodeToString(sum[:]), nil
		}),
		"urlencode":  textFunction(func(s string) (string, error) { return url.QueryEscape(s), nil }),
		"uuidv4":     uuidV4Function,
		"uuidv5":     uuidV5Function,
		"yamldecode": yamlDecodeFunction,
		"yamlencode": yamlEncodeFunction,
	}
}

func decodeBase64(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", errors.New("this is not base64")
	}
	if !utf8.Valid(b) {
		return "", errors.New("what this encodes is not text; pass it on as base64")
	}
	return string(b), nil
}

// bcryptWork is what a digest at the default cost takes, in units of the budget.
const bcryptWork = 200_000

var bcryptFunction = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "text", Type: cty.String}},
	VarParam: &function.Parameter{Name: "cost", Type: cty.Number},
	Type:     function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		cost := int64(bcrypt.DefaultCost)
		if len(args) > 1 {
			cost, _ = args[1].AsBigFloat().Int64()
		}
		if cost > int64(bcrypt.DefaultCost) {
			return cty.NilVal, function.NewArgErrorf(1, "the cost may be %d at most in a job", bcrypt.DefaultCost)
		}
		digest, err := bcrypt.GenerateFromPassword([]byte(args[0].AsString()), int(cost))
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		return cty.StringVal(string(digest)), nil
	},
})

var uuidV4Function = function.New(&function.Spec{
	Type: function.StaticReturnType(cty.String),
	Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
		id, err := uuid.NewRandom()
		return cty.StringVal(id.String()), err
	},
})

// uuidSpaces are the namespaces that have names.
var uuidSpaces = map[string]uuid.UUID{
	"dns": uuid.NameSpaceDNS, "url": uuid.NameSpaceURL, "oid": uuid.NameSpaceOID, "x500": uuid.NameSpaceX500,
}

var uuidV5Function = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "namespace", Type: cty.String}, {Name: "name", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		space, named := uuidSpaces[args[0].AsString()]
		if !named {
			var err error
			if space, err = uuid.Parse(args[0].AsString()); err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "a namespace is a UUID, dns, url, oid or x500")
			}
		}
		return cty.StringVal(uuid.NewSHA1(space, []byte(args[1].AsString())).String()), nil
	},
})

// yamlDecodeFunction reads YAML by way of JSON, whose values are the same.
var yamlDecodeFunction = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if !args[0].IsKnown() {
			return cty.DynamicPseudoType, nil
		}
		b, err := yamlToJSON(args[0].AsString())
		if err != nil {
			return cty.NilType, function.NewArgError(0, err)
		}
		return ctyjson.ImpliedType(b)
	},
	Impl: func(args []cty.Value, typ cty.Type) (cty.Value, error) {
		b, err := yamlToJSON(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		return ctyjson.Unmarshal(b, typ)
	},
})

func yamlToJSON(text string) ([]byte, error) {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return nil, err
	}
	b, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("this YAML has no JSON form: %w", err)
	}
	if len(b) > MaxSourceBytes {
		return nil, errors.New("what this YAML stands for is too large")
	}
	return b, checkJSONNesting(b)
}

var yamlEncodeFunction = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		b, err := yaml.Marshal(plainValue(args[0]))
		return cty.StringVal(string(b)), err
	},
})
