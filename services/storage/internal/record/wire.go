// Package record is how the storage engine writes its records to disk.
//
// It owns their encoding: the protocol buffers wire format, written by hand since it is
// on the path of every request. Unknown fields are skipped, so a later version can add
// some. It leaves to others where records are kept and what they mean.
//
// Decoded byte slices point into what was decoded; who keeps them longer copies them.
package record

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

func appendNumber(b []byte, field protowire.Number, value uint64) []byte {
	if value == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), value)
}

func appendFixed(b []byte, field protowire.Number, value uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), value)
}

func appendBytes[T string | []byte](b []byte, field protowire.Number, value T) []byte {
	if len(value) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), []byte(value))
}

func appendBool(b []byte, field protowire.Number, value bool) []byte {
	if !value {
		return b
	}
	return appendNumber(b, field, 1)
}

// each calls visit for every field of b, with its number or its bytes.
func each(b []byte, visit func(field protowire.Number, number uint64, data []byte)) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("decode a record: %w", protowire.ParseError(n))
		}
		b = b[n:]
		var number uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			number, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return fmt.Errorf("decode a record: %w", protowire.ParseError(n))
		}
		visit(field, number, data)
		b = b[n:]
	}
	return nil
}
