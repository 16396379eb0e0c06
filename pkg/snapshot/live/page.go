package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	var answers [2]bytes.Buffer // one is read into while the other is decoded
	turn := 0
	return func(ctx context.Context, next string, limit int64) (part, error) {
		stream, err := pageOf(client, info, n, next, limit).Stream(ctx)
		if err != nil {
			return part{}, err
		}
		answer := &answers[turn%len(answers)]
		turn++
		answer.Reset()
		_, err = answer.ReadFrom(stream)
		if closed := stream.Close(); err == nil {
			err = closed
		}
		if err != nil { // as net/http has it of a connection that breaks before the answer
			return part{}, &url.Error{Op: http.MethodGet, URL: info.Resource.Resource, Err: err}
		}
		return d.open(answer.Bytes())
	}
}

// pageDecoder decodes pages of a list. Protobuf it reads object by object, each
// thinned first: what a whole page takes at once is many times what is kept of it.
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

// open finds in an answer where the next page begins. What decodes its objects may
// write over it.
func (d pageDecoder) open(answer []byte) (part, error) {
	message, enveloped := bytes.CutPrefix(answer, []byte(envelope))
	if !enveloped {
		return d.openWhole(answer)
	}
	list, err := d.list(message)
	if err != nil {
		return part{}, err
	}
	next, err := continueOf(list)
	return part{next: next, objects: func() ([]snapshot.Object, error) { return d.items(list) }}, err
}

// items decodes the objects of a list.
func (d pageDecoder) items(list []byte) ([]snapshot.Object, error) {
	var out []snapshot.Object
	for len(list) > 0 {
		number, _, size := protowire.ConsumeField(list)
		if size < 0 {
			return nil, errMalformed
		}
		_, _, tag := protowire.ConsumeTag(list)
		value, n := protowire.ConsumeBytes(list[tag:])
		if n < 0 {
			return nil, errMalformed
		}
		list = list[size:]
		if number != itemsField {
			continue
		}
		o, err := d.object(value)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// list is the message in the envelope, which must be of the kind that was asked for.
func (d pageDecoder) list(message []byte) ([]byte, error) {
	for kind := range messages(message, typeField) {
		var t runtime.TypeMeta
		if err := t.Unmarshal(kind); err != nil || t.Kind != string(d.info.Kind)+"List" {
			return nil, errMalformed
		}
		for list := range messages(message, rawField) {
			return list, nil
		}
	}
	return nil, errMalformed
}

// continueOf is the token of the next page, which stands before the items.
func continueOf(list []byte) (string, error) {
	var m metav1.ListMeta
	for metadata := range messages(list, listMetaField) {
		if err := m.Unmarshal(metadata); err != nil {
			return "", fmt.Errorf("read the list: %w", err)
		}
		break
	}
	return m.Continue, nil
}

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

// openWhole decodes a page as client-go does.
func (d pageDecoder) openWhole(answer []byte) (part, error) {
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
