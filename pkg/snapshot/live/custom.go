package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// metadataOnly asks for objects without all that lies below their metadata.
const metadataOnly = "application/json;as=PartialObjectMetadata%s;g=meta.k8s.io;v=v1"

// readCustom reads a kind that an add-on brings: discovery says whether it is
// there and in which version.
func (r *Reader) readCustom(ctx context.Context, n snapshot.Need) objectResult {
	info, why, err := r.found(ctx, n.Kind)
	if why != "" {
		return objectResult{reading: snapshot.Reading{Need: n, Why: why, NotServed: why == notServed}, err: err}
	}
	out := r.readUntyped(ctx, info, n)
	out.found = &info
	return out
}

// readUntyped reads objects whose type the codecs do not know.
func (r *Reader) readUntyped(ctx context.Context, info snapshot.Info, n snapshot.Need) objectResult {
	client, err := r.clients.client(info.Resource.GroupVersion())
	if err != nil {
		return objectResult{reading: snapshot.Reading{Need: n, Why: err.Error()}, err: err}
	}
	if n.Name == "" {
		objects, err := r.list(ctx, untypedPages(client, info, n))
		if err != nil {
			return r.failed(n, err)
		}
		return objectResult{objects: objects, reading: snapshot.Reading{Need: n}}
	}
	req := client.Get().MaxRetries(retries).NamespaceIfScoped(n.Namespace, info.Namespaced).Resource(info.Resource.Resource).Name(n.Name)
	data, err := body(accepting(req, info, "").Do(ctx))
	if isAbsent(err) {
		return objectResult{reading: snapshot.Reading{Need: n, NotFound: true}}
	}
	if err != nil {
		return r.failed(n, err)
	}
	o, err := decodeUntyped(info, data)
	if err == nil && o.GetName() != n.Name {
		err = errors.New("the answer is not the object that was asked for")
	}
	if err != nil {
		return r.failed(n, err)
	}
	return objectResult{objects: []snapshot.Object{o}, reading: snapshot.Reading{Need: n}}
}

func accepting(req *rest.Request, info snapshot.Info, list string) *rest.Request {
	if info.Metadata {
		return req.SetHeader("Accept", fmt.Sprintf(metadataOnly, list))
	}
	return req
}

func untypedPages(client rest.Interface, info snapshot.Info, n snapshot.Need) page {
	return func(ctx context.Context, next string, limit int64) (part, error) {
		data, err := body(accepting(pageOf(client, info, n, next, limit), info, "List").Do(ctx))
		if err != nil {
			return part{}, err
		}
		var list struct {
			metav1.ListMeta `json:"metadata"`
			Items           []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(data, &list); err != nil {
			return part{}, fmt.Errorf("decode the list: %w", err)
		}
		return part{next: list.Continue, objects: func() ([]snapshot.Object, error) {
			out := make([]snapshot.Object, 0, len(list.Items))
			for _, raw := range list.Items {
				o, err := decodeUntyped(info, raw)
				if err != nil {
					return nil, err
				}
				o.SetManagedFields(nil)
				out = append(out, o)
			}
			return out, nil
		}}, nil
	}
}

func decodeUntyped(info snapshot.Info, data []byte) (snapshot.Object, error) {
	if info.Custom {
		return snapshot.NewCustom(info, data)
	}
	o := info.New()
	if err := json.Unmarshal(data, o); err != nil {
		return nil, fmt.Errorf("decode %s: %w", info.Kind, err)
	}
	return o, nil
}
