package live

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

type objectResult struct {
	objects []snapshot.Object
	reading snapshot.Reading
	// found is set for a kind that is not in the table.
	found *snapshot.Info
	err   error
}

type logResult struct {
	reading snapshot.LogReading
	err     error
}

// read makes one read and says how it ended.
func (r *Reader) read(ctx context.Context, n snapshot.Need) objectResult {
	if n.Kind == snapshot.NodeProbesKind {
		return r.readNodeProbes(ctx, n)
	}
	if n.Kind == snapshot.ServerVersionKind {
		return r.readVersion(ctx, n)
	}
	info, known := snapshot.Lookup(n.Kind)
	if !known || info.Custom {
		return r.readCustom(ctx, n)
	}
	if info.Metadata {
		return r.readUntyped(ctx, info, n)
	}
	client, err := r.clients.client(info.Resource.GroupVersion())
	if err != nil {
		return objectResult{reading: snapshot.Reading{Need: n, Why: err.Error()}, err: err}
	}
	if n.Name != "" {
		return r.get(ctx, client, info, n)
	}
	objects, err := r.list(ctx, r.typedPages(client, info, n))
	if err != nil {
		return r.failed(n, err)
	}
	return objectResult{objects: objects, reading: snapshot.Reading{Need: n}}
}

// failed is a read that the server refused or that got no answer.
func (r *Reader) failed(n snapshot.Need, err error) objectResult {
	why := r.why(n.String(), err)
	return objectResult{reading: snapshot.Reading{Need: n, Why: why, NotServed: why == notServed}, err: err}
}

func (r *Reader) get(ctx context.Context, client rest.Interface, info snapshot.Info, n snapshot.Need) objectResult {
	into := wireObject(info)
	err := client.Get().MaxRetries(retries).NamespaceIfScoped(n.Namespace, info.Namespaced).
		Resource(info.Resource.Resource).Name(n.Name).Do(ctx).Into(into)
	switch {
	case err == nil:
		o, err := reduce(into)
		if err == nil && o.GetName() != n.Name {
			err = errors.New("the answer is not the object that was asked for")
		}
		if err != nil {
			return r.failed(n, err)
		}
		return objectResult{objects: []snapshot.Object{o}, reading: snapshot.Reading{Need: n}}
	case isAbsent(err):
		return objectResult{reading: snapshot.Reading{Need: n, NotFound: true}}
	}
	return r.failed(n, err)
}

// page asks for one page of a list; limit 0 asks for all in one piece. It is
// called while the objects of the page before are still taken, not sooner.
type page func(ctx context.Context, next string, limit int64) (part, error)

// part is a page that has been read: where the next one begins is known before
// its objects are decoded.
type part struct {
	next    string
	objects func() ([]snapshot.Object, error)
}

// list reads all pages; the server makes the next one while a page is decoded. A
// list whose continue token expired (410) while it was read is read again from
// the start in one piece, once, as client-go's pager does.
func (r *Reader) list(ctx context.Context, ask page) ([]snapshot.Object, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var out []snapshot.Object
	next, limit := "", int64(pageSize)
	coming := ask.ahead(ctx, next, limit)
	for {
		p, err := coming()
		if apierrors.IsResourceExpired(err) && next != "" && limit > 0 {
			out, next, limit = nil, "", 0
			coming = ask.ahead(ctx, next, limit)
			continue
		}
		if err != nil {
			return nil, err
		}
		if next = p.next; next != "" {
			coming = ask.ahead(ctx, next, limit)
		}
		items, err := p.objects()
		if err != nil {
			return nil, err
		}
		out = append(out, r.kept(items)...)
		if next == "" {
			return out, nil
		}
	}
}

// ahead asks for a page, and gives what waits for it.
func (ask page) ahead(ctx context.Context, next string, limit int64) func() (part, error) {
	type answer struct {
		part
		err error
	}
	came := make(chan answer, 1)
	go func() {
		p, err := ask(ctx, next, limit)
		came <- answer{p, err}
	}()
	return func() (part, error) { a := <-came; return a.part, a.err }
}

// reduce keeps of an object what may be kept: values of Secrets and ConfigMaps go here, at the door.
func reduce(o runtime.Object) (snapshot.Object, error) {
	switch o := o.(type) {
	case *corev1.Secret:
		return snapshot.NewSecret(o), nil
	case *corev1.ConfigMap:
		snapshot.DropValues(o)
		return o, nil
	case snapshot.Object:
		return o, nil
	}
	return nil, fmt.Errorf("the answer is a %T", o)
}

// body gives the answer as it came. Raw alone does not read the Status that an
// API server sends with a refusal.
func body(r rest.Result) ([]byte, error) {
	if err := r.Error(); err != nil {
		return nil, err
	}
	return r.Raw()
}

// logBytes bounds a log: the lines asked for may be of any length.
const logBytes = 256 << 10

// readLog reads the last lines of a log.
func (r *Reader) readLog(ctx context.Context, n snapshot.LogNeed) logResult {
	client, err := r.clients.client(corev1.SchemeGroupVersion)
	if err != nil {
		return logResult{reading: snapshot.LogReading{Need: n, Why: err.Error()}, err: err}
	}
	req := client.Get().MaxRetries(retries).Namespace(n.Namespace).Resource("pods").Name(n.Pod).SubResource("log").
		Param("container", n.Container).
		Param("tailLines", strconv.FormatInt(n.Lines, 10)).
		Param("limitBytes", strconv.Itoa(logBytes))
	if n.Previous {
		req = req.Param("previous", "true")
	}
	data, err := body(req.Do(ctx))
	if err != nil {
		return logResult{reading: snapshot.LogReading{Need: n, Why: r.why("get pods/log in namespace "+n.Namespace, err)}, err: err}
	}
	var lines []string
	if text := strings.TrimRight(string(data), "\n"); text != "" {
		lines = strings.Split(strings.ToValidUTF8(text, "\uFFFD"), "\n")
	}
	return logResult{reading: snapshot.LogReading{Need: n, Lines: lines}}
}
