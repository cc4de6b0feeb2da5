package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
)

// literal is a field's default as a Go expression.
func literal(t *schema, text json.RawMessage) (string, error) {
	switch t.kind {
	case "union":
		return emptyLiteral(text, "null", goType(t)+"{}")
	case "array":
		return emptyLiteral(text, "[]", "")
	case "map":
		return emptyLiteral(text, "{}", "")
	case "string":
		return stringLiteral(text)
	case "enum":
		return enumLiteral(t, text)
	case "bytes":
		return bytesLiteral(t, text)
	case "boolean":
		return parsed[bool](text)
	case "int":
		return parsed[int32](text)
	case "long":
		return parsed[int64](text)
	case "float", "double":
		return parsed[float64](text)
	}
	return "", fmt.Errorf("a default for %s is not supported", t.kind)
}

func parsed[T any](text json.RawMessage) (string, error) {
	var v T
	err := json.Unmarshal(text, &v)
	return fmt.Sprint(v), err
}

// emptyLiteral is for types whose only supported default is the empty one. An empty literal reuses what is there.
func emptyLiteral(text json.RawMessage, only, lit string) (string, error) {
	if string(text) != only {
		return "", fmt.Errorf("must be %s", only)
	}
	return lit, nil
}

func stringLiteral(text json.RawMessage) (string, error) {
	var s string
	err := json.Unmarshal(text, &s)
	return strconv.Quote(s), err
}

func enumLiteral(t *schema, text json.RawMessage) (string, error) {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return "", err
	}
	for _, symbol := range t.symbols {
		if s == symbol {
			return t.typeName() + goName(s), nil
		}
	}
	return "", errors.New("is not a symbol of " + t.name)
}

// bytesLiteral: JSON has a byte as the code point of the same number.
func bytesLiteral(t *schema, text json.RawMessage) (string, error) {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return "", err
	}
	var raw []byte
	for _, r := range s {
		if r > 0xff {
			return "", fmt.Errorf("%q is not a byte", r)
		}
		raw = append(raw, byte(r))
	}
	if t.logical != "decimal" {
		return fmt.Sprintf("[]byte(%q)", raw), nil
	}
	return decimalLiteral(raw)
}

func decimalLiteral(raw []byte) (string, error) {
	v := new(big.Int).SetBytes(raw)
	if len(raw) > 0 && raw[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
	if !v.IsInt64() {
		return "", errors.New("does not fit 64 bits")
	}
	return v.String(), nil
}
