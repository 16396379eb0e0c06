package inspect

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-msa/kubectl-msa/pkg/finding"
	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rule"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// certificateState is what is wrong with a TLS Secret.
type certificateState string

const (
	certificateFine     certificateState = ""
	certificateInvalid  certificateState = "invalid"
	certificateExpired  certificateState = "expired"
	certificateExpiring certificateState = "expiring"
)

// noticeBefore is the longest time before its end at which a certificate is worth a word.
const noticeBefore = 14 * 24 * time.Hour

// renewalShare is the part of a certificate's life, counted from its end, in
// which it should have been renewed long ago. Whoever renews by machine does so
// when a third is left (cert-manager's default, certbot); a warning at that
// moment would cry at every renewal, so it comes when half of that third has passed in vain.
const renewalShare = 6

// judgeCertificate looks at the public half of a TLS Secret. problem says what
// makes it invalid. Secrets of other types are not judged: what is in them is
// for the program that reads them to know.
func judgeCertificate(secret *snapshot.Secret, now time.Time) (state certificateState, problem lang.Text) {
	if secret.Type != corev1.SecretTypeTLS {
		return certificateFine, lang.Text{}
	}
	for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if secret.Keys[key] == 0 {
			return certificateInvalid, lang.Text{En: key + " is empty", Ko: key + " 값이 비어 있음"}
		}
	}
	c := secret.Certificate
	switch {
	case c == nil:
		return certificateFine, lang.Text{}
	case c.Invalid != "":
		return certificateInvalid, lang.Text{En: c.Invalid, Ko: "tls.crt에 올바른 인증서가 없음(" + c.Invalid + ")"}
	case now.After(c.NotAfter):
		return certificateExpired, lang.Text{}
	case now.Before(c.NotBefore):
		begins := c.NotBefore.UTC().Format(time.RFC3339)
		return certificateInvalid, lang.Text{En: "the certificate is not valid before " + begins, Ko: "인증서 유효 기간이 " + begins + "부터임"}
	case c.NotAfter.Sub(now) < min(noticeBefore, c.NotAfter.Sub(c.NotBefore)/renewalShare):
		return certificateExpiring, lang.Text{}
	}
	return certificateFine, lang.Text{}
}

// holder is what takes a certificate from a Secret: a pod, or an Ingress or Gateway whose controller serves it.
type holder struct {
	object       snapshot.Object
	secret, path string
	namespace    string
	owner        finding.Ref
	// served: by a controller, and not by a program that reads a file.
	served bool
}

// holders are all in the scope.
func (v *survey) holders(s *snapshot.Snapshot, sc *rule.Scope) []holder {
	var out []holder
	for _, p := range v.of(s, sc).secrets {
		for _, r := range p.references {
			out = append(out, holder{object: p.pod, secret: r.name, path: r.path, namespace: p.pod.Namespace, owner: rule.TemplateOwner(s, p.pod)})
		}
	}
	eachIngress(s, sc, func(ing *networkingv1.Ingress) {
		for i, t := range ing.Spec.TLS {
			out = append(out, holder{ing, t.SecretName, fmt.Sprintf("spec.tls[%d].secretName", i), ing.Namespace, rule.RefTo(ing), true})
		}
	})
	for _, g := range customMembers(s, sc, gatewayAPIKind) {
		for _, c := range certificatesOf(g) {
			out = append(out, holder{g, c.name, c.field + ".name", c.namespace, rule.RefTo(g), true})
		}
	}
	return out
}

// certificateCheck reports the TLS Secrets that the scope's pods, Ingresses and Gateways use and that are in this state.
func (v *survey) certificateCheck(want certificateState) func(*snapshot.Snapshot, *rule.Scope) []finding.Finding {
	return func(s *snapshot.Snapshot, sc *rule.Scope) []finding.Finding {
		var out []finding.Finding
		for _, h := range v.holders(s, sc) {
			secret, answer := snapshot.Get[*snapshot.Secret](s, h.namespace, h.secret)
			if answer.State != snapshot.Present {
				continue
			}
			if state, problem := judgeCertificate(secret, s.TakenAt); state == want {
				out = append(out, certificateFinding(s, h, secret, problem))
			}
		}
		return out
	}
}

// certificateFinding is about the Secret: it must change, not what uses it.
func certificateFinding(s *snapshot.Snapshot, h holder, secret *snapshot.Secret, problem lang.Text) finding.Finding {
	ref := rule.RefTo(secret)
	f := finding.Finding{
		Object: ref, At: rule.RefTo(h.object), Via: []finding.Ref{ref},
		Evidence: []finding.Evidence{seen(h.object, h.path, secret.Name)},
		Args: map[string]any{
			"namespace": secret.Namespace, "name": secret.Name, "problem": problem, "names": []string{},
			"notAfter": "", "days": 0, "hours": 0, "owner": h.owner.String(), "served": h.served,
			// cert-manager says on the Secret which Certificate made it.
			"issuer": secret.Annotations["cert-manager.io/certificate-name"],
		},
	}
	c := secret.Certificate
	if c == nil || c.Invalid != "" || c.NotAfter.IsZero() {
		f.Evidence = append(f.Evidence, finding.Evidence{Object: ref.String(), Path: "data[tls.crt]", Value: problem.En})
		return f
	}
	gap := c.NotAfter.Sub(s.TakenAt).Abs()
	f.Args["notAfter"], f.Args["days"], f.Args["hours"] = c.NotAfter.UTC().Format(time.RFC3339), int(gap.Hours())/24, int(gap.Hours())
	f.Args["names"] = nonNil(c.DNSNames)
	value := "notBefore " + c.NotBefore.UTC().Format(time.RFC3339) + ", notAfter " + c.NotAfter.UTC().Format(time.RFC3339)
	if len(c.DNSNames) > 0 {
		value += ", for " + strings.Join(c.DNSNames, ", ")
	}
	f.Evidence = append(f.Evidence, finding.Evidence{Object: ref.String(), Path: "data[tls.crt]", Value: value})
	return f
}

// certificatesWanted are the Secrets of the scope's pods that look like
// certificates by how they are referred to. Others are not read for their date:
// most Secrets are passwords, and a user who may not read Secrets should not be
// told with every healthy Deployment that something was not checked.
func certificatesWanted(secrets []podReferences) []wanted {
	var out []wanted
	for _, p := range secrets {
		for _, r := range p.references {
			if looksLikeCertificate(p.pod, r) {
				out = append(out, wanted{secretKind, p.pod.Namespace, r.name})
			}
		}
	}
	return out
}

func looksLikeCertificate(pod *corev1.Pod, r reference) bool {
	if r.key == corev1.TLSCertKey || r.key == corev1.TLSPrivateKeyKey {
		return true
	}
	if r.key != "" || !r.mounted() {
		return false
	}
	texts := []string{r.name, r.volume}
	for _, c := range containers(pod) {
		for _, m := range c.spec.VolumeMounts {
			if m.Name == r.volume {
				texts = append(texts, m.MountPath)
			}
		}
	}
	for _, t := range texts {
		t = strings.ToLower(t)
		if strings.Contains(t, "tls") || strings.Contains(t, "ssl") || strings.Contains(t, "cert") {
			return true
		}
	}
	return false
}
