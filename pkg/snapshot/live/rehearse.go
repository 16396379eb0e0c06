package live

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Rehearsal is the API server's answer to a dry run: what it would say of the
// object, and nothing is stored (dryRun=All passes admission and validation).
type Rehearsal struct {
	// Refused with this message; neither where it would be let in.
	Refused bool
	Message string
	// Unasked is why there is no answer.
	Unasked string
}

// notAllowed is what RBAC says, which says nothing of the object.
var notAllowed = regexp.MustCompile(`User ".*" cannot (create|patch) resource`)

// noDryRun: a web hook with side effects keeps every dry run out.
var noDryRun = regexp.MustCompile(`does not support dry run|dryRun`)

// Rehearse asks what would become of creating the object, or of applying it
// where one of its name is there already, as is known or turns out.
func (r *Reader) Rehearse(ctx context.Context, o snapshot.Object, there bool) Rehearsal {
	info, ok := snapshot.Lookup(snapshot.KindOf(o))
	if !ok {
		return Rehearsal{Unasked: "unknown kind"}
	}
	client, err := r.clients.client(info.Resource.GroupVersion())
	if err != nil {
		return Rehearsal{Unasked: err.Error()}
	}
	copied, _ := o.DeepCopyObject().(snapshot.Object)
	copied.GetObjectKind().SetGroupVersionKind(info.Resource.GroupVersion().WithKind(string(info.Kind)))
	data, err := json.Marshal(copied)
	if err != nil {
		return Rehearsal{Unasked: fmt.Sprintf("encode %s: %v", o.GetName(), err)}
	}
	action := "create " + info.Resource.GroupResource().String() + " in namespace " + o.GetNamespace()
	create := client.Post().NamespaceIfScoped(o.GetNamespace(), info.Namespaced).Resource(info.Resource.Resource)
	if !there {
		err = dry(create, "application/json", data).Do(ctx).Error()
	}
	if there || apierrors.IsAlreadyExists(err) {
		apply := client.Patch(types.ApplyPatchType).NamespaceIfScoped(o.GetNamespace(), info.Namespaced).Resource(info.Resource.Resource).
			Name(o.GetName()).Param("fieldManager", "kubectl-msa").Param("force", "true")
		action = "patch" + action[len("create"):]
		err = dry(apply, string(types.ApplyPatchType), data).Do(ctx).Error()
	}
	return r.answer(action, err)
}

func dry(req *rest.Request, contentType string, data []byte) *rest.Request {
	return req.MaxRetries(0).Param("dryRun", metav1.DryRunAll).SetHeader("Content-Type", contentType).Body(data)
}

// answer tells what the API server thinks of the object from why it could not say.
func (r *Reader) answer(action string, err error) Rehearsal {
	switch {
	case err == nil:
		return Rehearsal{}
	case apierrors.IsForbidden(err) && notAllowed.MatchString(err.Error()):
		return Rehearsal{Unasked: "forbidden: " + action}
	case apierrors.IsBadRequest(err) && noDryRun.MatchString(err.Error()):
		return Rehearsal{Unasked: short(err)}
	case !isVerdict(err):
		return Rehearsal{Unasked: r.why(action, err)}
	}
	return Rehearsal{Refused: true, Message: snapshot.Safe(err.Error())}
}

// isVerdict says that the error is about the object: the API server looked at it.
func isVerdict(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonConflict, metav1.StatusReasonNotFound:
		return !apierrors.IsUnexpectedServerError(err)
	default:
		return false
	}
}
