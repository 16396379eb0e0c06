package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// pageOf is the request for one page.
func pageOf(client rest.Interface, info snapshot.Info, n snapshot.Need, next string, limit int64) *rest.Request {
	req := client.Get().MaxRetries(retries).NamespaceIfScoped(n.Namespace, info.Namespaced).Resource(info.Resource.Resource)
	for name, value := range map[string]string{"labelSelector": n.Selector, "fieldSelector": n.Fields, "continue": next} {
		if value != "" {
			req = req.Param(name, value)
		}
	}
	if limit > 0 {
		req = req.Param("limit", strconv.FormatInt(limit, 10))
	}
	return req
}

// typedPages reads pages of a kind that has a Go type.
func (r *Reader) typedPages(client rest.Interface, info snapshot.Info, n snapshot.Need) page {
	d := pageDecoder{info: info, cut: cutOf(info, r.keep.Fields[info.Kind]), codec: r.clients.codecs.UniversalDeserializer()}
	return func(ctx context.Context, next string, limit int64) (part, error) {
		stream, err := pageOf(client, info, n, next, limit).Stream(ctx)
		if err != nil {
			return part{}, err
		}
		p, err := d.open(stream)
		if err != nil {
			_ = stream.Close() // the error is told
			return part{}, err
		}
		objects := p.objects
		p.objects = func() ([]snapshot.Object, error) {
			defer func() { _ = stream.Close() }() // all of it has come, or the error is told
			return objects()
		}
		return p, nil
	}
}

// pageDecoder decodes pages of a list. Protobuf it reads object by object as they
// come, each thinned first: what a whole page takes at once is many times what is
// kept of it.
type pageDecoder struct {
	info  snapshot.Info
	cut   *cut
	codec runtime.Decoder
}

// wireObject is what the codecs know an object of a kind as.
func wireObject(info snapshot.Info) runtime.Object {
	if info.Kind == "Secret" {
		return &corev1.Secret{} // reduced right after it is decoded
	}
	return info.New()
}

// A list in protobuf is four bytes and a runtime.Unknown with the list in it, which
// has its metadata and its items under the same numbers whatever the kind
// (k8s.io/apimachinery/pkg/runtime/serializer/protobuf).
const (
	envelope      = "k8s\x00"
	typeField     = 1
	rawField      = 2
	listMetaField = 1
	itemsField    = 2
)

var errMalformed = errors.New("the answer is not the list that it is said to be")

// open reads of an answer what stands before the objects: the kind, which must be
// the one that was asked for, and where the next page begins. The objects are read
// from the stream when they are taken.
func (d pageDecoder) open(stream io.Reader) (part, error) {
	in := message{Reader: bufio.NewReaderSize(stream, 64<<10), left: math.MaxUint64}
	head, err := in.Peek(len(envelope))
	if err != nil && !errors.Is(err, io.EOF) {
		return part{}, d.broken(err)
	}
	if string(head) != envelope {
		return d.openWhole(in.Reader)
	}
	_, _ = in.Discard(len(envelope)) // which are in the buffer
	var kind runtime.TypeMeta
	if err := d.header(&in, typeField, &kind); err != nil {
		return part{}, err
	}
	number, size, err := in.field()
	if err != nil {
		return part{}, d.broken(err)
	}
	if number != rawField || kind.Kind != string(d.info.Kind)+"List" {
		return part{}, errMalformed
	}
	list := message{Reader: in.Reader, left: size}
	var metadata metav1.ListMeta
	if list.left > 0 {
		if err := d.header(&list, listMetaField, &metadata); err != nil {
			return part{}, err
		}
	}
	return part{next: metadata.Continue, objects: func() ([]snapshot.Object, error) {
		items, err := d.items(&list)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, in.Reader) // for the connection to be used again
		return items, d.broken(err)
	}}, nil
}

// header reads the next field of a message, which must be this one.
func (d pageDecoder) header(from *message, wanted protowire.Number, into interface{ Unmarshal([]byte) error }) error {
	number, size, err := from.field()
	if err != nil {
		return d.broken(err)
	}
	if number != wanted {
		return errMalformed
	}
	var value bytes.Buffer
	if err := from.value(size, &value); err != nil {
		return d.broken(err)
	}
	if err := into.Unmarshal(value.Bytes()); err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	return nil
}

// items decodes the objects of a list.
func (d pageDecoder) items(list *message) ([]snapshot.Object, error) {
	var out []snapshot.Object
	var value bytes.Buffer
	for list.left > 0 {
		number, size, err := list.field()
		if err == nil {
			err = list.value(size, &value)
		}
		if err != nil {
			return nil, d.broken(err)
		}
		if number != itemsField {
			continue
		}
		o, err := d.object(value.Bytes())
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// broken is the error of a connection that breaks within the answer, as net/http has
// it of one that breaks before.
func (d pageDecoder) broken(err error) error {
	if err == nil || errors.Is(err, errMalformed) {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &url.Error{Op: http.MethodGet, URL: d.info.Resource.Resource, Err: err}
}

// message is a protobuf message that is still coming. Lists and what they are
// wrapped in have fields of bytes only.
type message struct {
	*bufio.Reader
	left uint64 // bytes of it that are not read yet
}

// ReadByte reads no further than the message goes.
func (m *message) ReadByte() (byte, error) {
	if m.left == 0 {
		return 0, errMalformed
	}
	m.left--
	return m.Reader.ReadByte()
}

// field is the number of the next field and how many bytes its value has.
func (m *message) field() (protowire.Number, uint64, error) {
	tag, err := binary.ReadUvarint(m)
	if err != nil {
		return 0, 0, err
	}
	size, err := binary.ReadUvarint(m)
	if err != nil {
		return 0, 0, err
	}
	number, kind := protowire.DecodeTag(tag)
	if kind != protowire.BytesType || size > m.left {
		return 0, 0, errMalformed
	}
	return number, size, nil
}

// value reads the value of a field. Room is made as the bytes come: how many there
// are is only said.
func (m *message) value(size uint64, into *bytes.Buffer) error {
	m.left -= size
	into.Reset()
	_, err := io.CopyN(into, m.Reader, int64(min(size, math.MaxInt64)))
	return err
}

// object decodes one, and may write over what it is decoded from.
func (d pageDecoder) object(message []byte) (snapshot.Object, error) {
	into := wireObject(d.info)
	typed, ok := into.(interface{ Unmarshal([]byte) error })
	if !ok {
		return nil, errMalformed
	}
	if err := typed.Unmarshal(d.cut.thin(message[:0], message)); err != nil {
		return nil, fmt.Errorf("read an object of the list: %w", err)
	}
	return reduce(into)
}

// openWhole decodes a page as client-go does, all at once.
func (d pageDecoder) openWhole(in io.Reader) (part, error) {
	answer, err := io.ReadAll(in)
	if err != nil {
		return part{}, d.broken(err)
	}
	page := d.info.NewList()
	if err := runtime.DecodeInto(d.codec, answer, page); err != nil {
		return part{}, fmt.Errorf("read the answer: %w", err)
	}
	list, err := meta.ListAccessor(page)
	if err != nil {
		return part{}, fmt.Errorf("read the list: %w", err)
	}
	return part{next: list.GetContinue(), objects: func() ([]snapshot.Object, error) { return reduceAll(page) }}, nil
}

// reduceAll keeps of each object of a page what may be kept. Who set which field
// is only kept of objects that were asked for by name: lists would double.
func reduceAll(page runtime.Object) ([]snapshot.Object, error) {
	var out []snapshot.Object
	err := meta.EachListItem(page, func(item runtime.Object) error {
		o, err := reduce(item)
		if err == nil {
			o.SetManagedFields(nil)
		}
		out = append(out, o)
		return err
	})
	return out, err
}
