package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Values is settings whose meaning is known to somebody else: a driver, a plugin.
// A value is nil, bool, string, int64, float64, []any or map[string]any. Numbers
// that are whole are int64, wherever they come from, so that they print as they
// were written and keep all their digits.
type Values map[string]any

// UnmarshalJSON reads an object; whole numbers become int64.
func (v *Values) UnmarshalJSON(b []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	var m map[string]any
	if err := decoder.Decode(&m); err != nil {
		return err
	}
	if err := normalizeMap(m); err != nil {
		return err
	}
	*v = m
	return nil
}

func normalizeMap(m map[string]any) error {
	for key, value := range m {
		normal, err := normalizeValue(value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		m[key] = normal
	}
	return nil
}

// normalizeValue turns a decoded JSON value into one that Values may hold.
func normalizeValue(value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		return Number(string(v))
	case map[string]any:
		return v, normalizeMap(v)
	case []any:
		for i := range v {
			normal, err := normalizeValue(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = normal
		}
	}
	return value, nil
}

// maxNumberDigits bounds the work of reading one number; a float64 needs no more
// than 17 digits and an exponent.
const maxNumberDigits = 64

// Number reads a decimal number: int64 if it is whole and fits, else float64.
func Number(text string) (any, error) {
	whole, ok := new(big.Int).SetString(text, 10)
	if len(text) <= maxNumberDigits && ok {
		if whole.IsInt64() {
			return whole.Int64(), nil
		}
	}
	f, err := json.Number(text).Float64()
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("number %s is out of range", shorten(text))
	}
	const exact = 1 << 53 // above it not every whole number is a float64
	if f == math.Trunc(f) && math.Abs(f) <= exact {
		return int64(f), nil
	}
	return f, nil
}

func shorten(text string) string {
	if len(text) <= maxNumberDigits {
		return text
	}
	return strings.ToValidUTF8(text[:maxNumberDigits], "") + "…"
}
