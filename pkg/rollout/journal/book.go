package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// Keys of the ConfigMap's data. All are always there, for a patch can then test
// each by its value; what is empty says "none".
const (
	keyFormat   = "format"
	keyWorkload = "workload"
	keyState    = "state"
	keyToken    = "token"
	keyBefore   = "before"
	keyEpoch    = "epoch"
	keyDriver   = "driver"
	keySince    = "since"
	// keyAlive is the driver's last sign of life that is written down here, empty where it gave the lead away.
	keyAlive   = "alive"
	keyRequest = "request"
	// keySaves counts the saves, so that one whose answer never came cannot arrive after the next.
	keySaves = "saves"
	// keyOver is the phase that it ended in.
	keyOver = "over"

	// format is the version of all this.
	format = "1"

	jsonType  = "application/json"
	jsonPatch = "application/json-patch+json"
	manager   = "kubectl-msa"
)

// book reads and writes the two objects of a journal.
type book struct {
	api API
	ref rollout.Ref
}

func (b book) config() string {
	return fmt.Sprintf("/api/v1/namespaces/%s/configmaps", url.PathEscape(b.ref.Namespace))
}

func (b book) lease() string {
	return fmt.Sprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases", url.PathEscape(b.ref.Namespace))
}

func (b book) named(collection string) string { return collection + "/" + Name(b.ref) }

func (b book) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: Name(b.ref), Namespace: b.ref.Namespace, Labels: map[string]string{Label: strings.ToLower(b.ref.Kind)}}
}

// read reads both objects, and fails where either may not be read.
func (b book) read(ctx context.Context) (page, error) {
	p, err := b.look(ctx)
	return p, cmp.Or(err, p.unread)
}

// look reads both objects; a Lease that may not be read is none. The Lease comes
// first: a driver takes the Lease and then the token, so a token that is read
// here is not older than the Lease.
func (b book) look(ctx context.Context) (page, error) {
	var p page
	var err error
	if p.lease, err = b.readLease(ctx); forbidden(err) {
		p.unread, err = err, nil
	}
	if err == nil {
		p.config, err = b.readConfig(ctx)
	}
	p.at = b.api.Now()
	return p, err
}

func (b book) readLease(ctx context.Context) (*coordinationv1.Lease, error) {
	l := &coordinationv1.Lease{}
	if err := b.call(ctx, http.MethodGet, b.named(b.lease()), "", nil, l); err != nil {
		if missing(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read lease/%s: %w", Name(b.ref), err)
	}
	return l, nil
}

func (b book) readConfig(ctx context.Context) (*corev1.ConfigMap, error) {
	c := &corev1.ConfigMap{}
	if err := b.call(ctx, http.MethodGet, b.named(b.config()), "", nil, c); err != nil {
		if missing(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read configmap/%s: %w", Name(b.ref), err)
	}
	return c, nil
}

func (b book) list(ctx context.Context, prefix, plural string, into any) error {
	path := prefix + "/" + plural
	if ns := b.ref.Namespace; ns != "" {
		path = prefix + "/namespaces/" + url.PathEscape(ns) + "/" + plural
	}
	if err := b.call(ctx, http.MethodGet, path+"?labelSelector="+url.QueryEscape(Label), "", nil, into); err != nil {
		return fmt.Errorf("list %s: %w", plural, err)
	}
	return nil
}

// call sends what and reads the answer into into; either may be nil.
func (b book) call(ctx context.Context, method, path, contentType string, what, into any) error {
	var body []byte
	if what != nil {
		var err error
		if body, err = json.Marshal(what); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
	}
	if method != http.MethodGet && method != http.MethodDelete {
		path += "?fieldManager=" + manager
	}
	raw, err := b.api.Call(ctx, method, path, contentType, body)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the answer is not what an API server says: %w", err)
	}
	return nil
}

// patch sends a JSON Patch for the ConfigMap.
func (b book) patch(ctx context.Context, ops []op) (*corev1.ConfigMap, error) {
	c := &corev1.ConfigMap{}
	if err := b.call(ctx, http.MethodPatch, b.named(b.config()), jsonPatch, ops, c); err != nil {
		return nil, fmt.Errorf("write configmap/%s: %w", Name(b.ref), err)
	}
	return c, nil
}

// op is one operation of a JSON Patch (RFC 6902).
type op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func testData(key, value string) op { return op{"test", "/data/" + key, value} }
func setData(key, value string) op  { return op{"add", "/data/" + key, value} }

// answer is the status that the API server gave, if it gave one.
func answer(err error) (metav1.Status, bool) {
	var s apierrors.APIStatus
	if !errors.As(err, &s) {
		return metav1.Status{}, false
	}
	return s.Status(), true
}

// missing says that there is no such object; the path itself is known, for the answer names the object.
func missing(err error) bool {
	s, ok := answer(err)
	return ok && s.Code == http.StatusNotFound && s.Details != nil && s.Details.Name != ""
}

// forbidden says that whoever asks may not.
func forbidden(err error) bool {
	s, ok := answer(err)
	return ok && s.Code == http.StatusForbidden
}

// moved says that an object was not as a write supposed: 409, or the 422 of a
// JSON Patch whose test fails, which names neither object nor field.
func moved(err error) bool {
	s, ok := answer(err)
	return ok && (s.Code == http.StatusConflict ||
		s.Code == http.StatusUnprocessableEntity && (s.Details == nil || s.Details.Name == ""))
}

// refused says that the same request would get the same answer again.
func refused(err error) bool {
	s, ok := answer(err)
	if !ok || moved(err) || missing(err) || apierrors.IsUnexpectedServerError(err) {
		return false
	}
	switch s.Code {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return s.Code >= 400 && s.Code < 500
}
