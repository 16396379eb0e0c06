package live

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// watching gives the client for a need.
func (r *Reader) watching(n snapshot.Need) (snapshot.Info, rest.Interface, error) {
	info, ok := snapshot.Lookup(n.Kind)
	if !ok {
		return info, nil, fmt.Errorf("unknown kind %q", n.Kind)
	}
	client, err := r.clients.open(info.Resource.GroupVersion())
	return info, client, err
}

// open is client for requests that stay open: the time limit of one request does not hold for them.
func (c *clients) open(gv schema.GroupVersion) (rest.Interface, error) {
	unlimited := *c.http
	unlimited.Timeout = 0
	patient := clients{config: c.config, http: &unlimited, codecs: c.codecs, made: map[schema.GroupVersion]rest.Interface{}}
	return patient.client(gv)
}

// isExpired says that the server has forgotten the point from which to go on.
func isExpired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// asked is the need as a list: a name is a field selector, and a watch has no other.
func (w *watcher) asked() snapshot.Need {
	n := w.need
	if n.Name != "" {
		n.Fields, n.Name = "metadata.name="+n.Name, ""
	}
	return n
}

// request asks for what the need asks for.
func (w *watcher) request(with map[string]string) *rest.Request {
	n := w.asked()
	with["labelSelector"], with["fieldSelector"] = n.Selector, n.Fields
	req := w.client.Get().MaxRetries(0).NamespaceIfScoped(n.Namespace, w.info.Namespaced).Resource(w.info.Resource.Resource)
	for name, value := range with {
		if value != "" {
			req = req.Param(name, value)
		}
	}
	return req
}

// everything reads all pages, and says of which version of the cluster they are.
func (w *watcher) everything(ctx context.Context) ([]snapshot.Object, string, error) {
	var out []snapshot.Object
	for next := ""; ; {
		page := w.info.NewList()
		if err := w.request(map[string]string{"limit": strconv.Itoa(pageSize), "continue": next}).Do(ctx).Into(page); err != nil {
			return nil, "", err
		}
		items, err := reduceAll(page)
		if err != nil {
			return nil, "", err
		}
		out = append(out, items...)
		list, err := meta.ListAccessor(page)
		if err != nil {
			return nil, "", fmt.Errorf("read the list: %w", err)
		}
		if next = list.GetContinue(); next == "" {
			return out, list.GetResourceVersion(), nil
		}
	}
}

// once lists where that is needed, and listens until the watch ends. heard says
// that something came of it.
func (w *watcher) once(ctx context.Context) (heard bool, err error) {
	if w.version == "" {
		if err := w.list(ctx); err != nil {
			return false, err
		}
		heard = true
	}
	stream, err := w.request(map[string]string{"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": w.version}).Watch(ctx)
	if err != nil {
		return heard, err
	}
	defer stream.Stop()
	if err := w.heard(ctx); err != nil {
		return heard, err
	}
	for event := range stream.ResultChan() {
		if err := w.event(ctx, event); err != nil {
			return heard, err
		}
		heard = true
	}
	return heard, nil
}

// list reads everything, and tells what differs from what is known.
func (w *watcher) list(ctx context.Context) error {
	ctx, cancel := w.r.limited(ctx)
	defer cancel()
	objects, version, err := w.everything(ctx)
	if err != nil {
		return err
	}
	before := w.known
	w.known = make(map[objectKey]snapshot.Object, len(objects))
	for _, o := range objects {
		key := objectKey{o.GetNamespace(), o.GetName()}
		old := before[key]
		delete(before, key)
		if old != nil && old.GetResourceVersion() == o.GetResourceVersion() {
			w.known[key] = old
			continue
		}
		event := Found
		if w.listed {
			event = w.came(old)
		}
		if err := w.take(ctx, event, o, w.listed); err != nil {
			return err
		}
	}
	for key, old := range before {
		w.known[key] = old
		if err := w.take(ctx, Gone, old, true); err != nil {
			return err
		}
	}
	w.version = version
	if w.listed {
		return nil
	}
	w.listed = true
	return w.tell(ctx, Notice{Event: Listed})
}

// limited bounds a list by the time limit of one request.
func (r *Reader) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, r.timeout)
}

func (w *watcher) came(old snapshot.Object) Event {
	if old == nil {
		return Added
	}
	return Changed
}

// heard tells that a need that was lost is back.
func (w *watcher) heard(ctx context.Context) error {
	if !w.lost {
		return nil
	}
	w.lost, w.back = false, time.Now()
	return w.tell(ctx, Notice{Event: Back})
}

// event takes in what the stream says.
func (w *watcher) event(ctx context.Context, e watch.Event) error {
	if e.Type == watch.Error {
		return apierrors.FromObject(e.Object)
	}
	o, err := reduce(e.Object)
	if err != nil {
		return err
	}
	w.version = o.GetResourceVersion()
	missed := !w.back.IsZero() && time.Since(w.back) < catchUp
	old := w.known[objectKey{o.GetNamespace(), o.GetName()}]
	switch e.Type {
	case watch.Added, watch.Modified:
		return w.take(ctx, w.came(old), o, missed)
	case watch.Deleted:
		return w.take(ctx, Gone, o, missed)
	case watch.Bookmark:
		return nil
	case watch.Error: // an error is no object, and was taken before
	}
	return errors.New("the watch says " + string(e.Type))
}

// take remembers an object, or forgets it, and tells.
func (w *watcher) take(ctx context.Context, event Event, o snapshot.Object, missed bool) error {
	snapshot.Sanitize(o)
	key := objectKey{o.GetNamespace(), o.GetName()}
	w.known[key] = o
	if event == Gone {
		delete(w.known, key)
	}
	return w.tell(ctx, Notice{Event: event, Object: o, Missed: missed})
}
