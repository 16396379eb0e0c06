package live

import (
	"encoding/binary"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Most of what a long list costs is the decoding of fields that nobody will look
// at. They are taken out of the answer while it is still bytes.

// cut says what is left out of a protobuf message.
type cut struct {
	// fields are those that go (nil), and messages that are cut themselves.
	fields map[protowire.Number]*cut
	// alone is the cut instead of this one for an object without a controller.
	alone *cut
}

// Numbers of fields of meta/v1 on the wire, which never change.
const (
	metadataField        = 1
	ownerReferencesField = 13
	controllerField      = 6
	managedFieldsField   = 17
)

// cutOf is the cut for listed objects of a kind. Who set which field is only kept
// of objects that were asked for by name: lists would double.
func cutOf(info snapshot.Info, keep snapshot.Fields) *cut {
	every := leaves(metadataField, leaves(managedFieldsField, nil))
	if len(keep.Only) == 0 {
		return every
	}
	only := allBut(reflect.TypeOf(info.New()), keep.Only)
	if metadata, listed := only.fields[metadataField]; !listed {
		only.fields[metadataField] = every.fields[metadataField]
	} else if metadata != nil {
		metadata.fields[managedFieldsField] = nil
	}
	if keep.Controlled {
		only.alone = every
	}
	return only
}

// leaves out of a message one field, or of a message in it what is cut there.
func leaves(field protowire.Number, inner *cut) *cut {
	return &cut{fields: map[protowire.Number]*cut{field: inner}}
}

// allBut leaves out of a message what no path names: "spec.containers.name", as in JSON.
func allBut(message reflect.Type, paths []string) *cut {
	out := &cut{fields: map[protowire.Number]*cut{}}
	for name, field := range fieldsOf(message) {
		var below []string
		for _, p := range paths {
			if rest, ok := strings.CutPrefix(p, name+"."); ok {
				below = append(below, rest)
			}
		}
		switch {
		case slices.Contains(paths, name):
		case below == nil:
			out.fields[field.number] = nil
		default:
			out.fields[field.number] = allBut(field.of, below)
		}
	}
	return out
}

type wireField struct {
	number protowire.Number
	of     reflect.Type
}

// fieldsOf lists the fields of an API type by their names in JSON.
func fieldsOf(t reflect.Type) map[string]wireField {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	out := map[string]wireField{}
	for i := range t.NumField() {
		f := t.Field(i)
		_, tag, _ := strings.Cut(f.Tag.Get("protobuf"), ",") // "bytes,1,opt,name=metadata"
		digits, options, _ := strings.Cut(tag, ",")
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			_, name, _ = strings.Cut(options, "name=")
		}
		if number, err := strconv.ParseInt(digits, 10, 32); err == nil {
			out[name] = wireField{protowire.Number(number), f.Type}
		}
	}
	return out
}

// thin appends a message without what is cut. The output may lie in the space of
// the message itself: it never grows past what was read. What is
// malformed stays as it is, for the decoder to say so.
func (c *cut) thin(out, message []byte) []byte {
	if c.alone != nil && !isControlled(message) {
		c = c.alone
	}
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		size := -1
		if tag > 0 {
			size = protowire.ConsumeFieldValue(number, kind, message[tag:])
		}
		if size < 0 {
			return append(out, message...)
		}
		field := message[:tag+size]
		message = message[tag+size:]
		inner, listed := c.fields[number]
		switch {
		case !listed || inner != nil && kind != protowire.BytesType:
			out = append(out, field...)
		case inner != nil:
			value, _ := protowire.ConsumeBytes(field[tag:])
			out = inner.nested(append(out, field[:tag]...), value)
		}
	}
	return out
}

// nested appends a message behind its length, which is known once it is written.
func (c *cut) nested(out, message []byte) []byte {
	start := len(out)
	out = c.thin(out, message)
	size := len(out) - start
	out = protowire.AppendVarint(out, uint64(size)) // for the room that it takes
	copy(out[len(out)-size:], out[start:start+size])
	binary.PutUvarint(out[start:], uint64(size))
	return out
}

// isControlled says whether one of an object's owners is its controller.
func isControlled(object []byte) bool {
	for metadata := range messages(object, metadataField) {
		for owner := range messages(metadata, ownerReferencesField) {
			for number, value := range fields(owner) {
				if v, n := protowire.ConsumeVarint(value); number == controllerField && n > 0 && v != 0 {
					return true
				}
			}
		}
	}
	return false
}

// messages are those that a message has under a number.
func messages(message []byte, wanted protowire.Number) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for number, value := range fields(message) {
			if inner, n := protowire.ConsumeBytes(value); number == wanted && n >= 0 && !yield(inner) {
				return
			}
		}
	}
}

// fields are those of a message up to where it is malformed, each with its bytes behind the tag.
func fields(message []byte) iter.Seq2[protowire.Number, []byte] {
	return func(yield func(protowire.Number, []byte) bool) {
		for len(message) > 0 {
			number, kind, tag := protowire.ConsumeTag(message)
			if tag < 0 {
				return
			}
			size := protowire.ConsumeFieldValue(number, kind, message[tag:])
			if size < 0 || !yield(number, message[tag:tag+size]) {
				return
			}
			message = message[tag+size:]
		}
	}
}
