package plan

import (
	"embed"
	"errors"
	"strings"
	"sync"

	"github.com/kubectl-msa/kubectl-msa/pkg/lang"
	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

//go:embed messages.yaml
var messageFile embed.FS

// loadMessages reads what this package says beside findings, once. Its error is a defect of the build.
var loadMessages = sync.OnceValues(func() (lang.Catalogue, error) { return lang.Load(messageFile, "messages.yaml") })

// Problem is what is wrong with what was asked for.
type Problem string

// What may be wrong with what was asked for.
const (
	ProblemKind           Problem = "kind"            // no rollout of this kind
	ProblemNotFound       Problem = "not-found"       // the workload is not there
	ProblemUnread         Problem = "unread"          // the workload or the Services could not be read
	ProblemStrategy       Problem = "strategy"        // no such strategy
	ProblemStrategyKind   Problem = "strategy-kind"   // the kind cannot run both versions at full scale
	ProblemVia            Problem = "via"             // no such router
	ProblemViaCanary      Problem = "via-canary"      // the router has nothing between 0 and 100
	ProblemViaBlueGreen   Problem = "via-bluegreen"   // the router cannot keep the traffic with one version
	ProblemWeight         Problem = "weight"          // not above 0 and at most 100
	ProblemRising         Problem = "rising"          // a step is not above the one before
	ProblemStepsBlueGreen Problem = "steps-bluegreen" // blue-green has no steps between
	ProblemPause          Problem = "pause"           // a pause for a person and for a time
	ProblemService        Problem = "service"         // no such Service
	ProblemServiceOther   Problem = "service-other"   // the Service does not select the workload's Pods
	ProblemNoService      Problem = "no-service"      // no Service selects them
	ProblemPreview        Problem = "preview"         // a preview without blue-green
	ProblemPreviewLive    Problem = "preview-live"    // the preview carries the traffic
	ProblemKeep           Problem = "keep"            // nothing is kept without blue-green
	ProblemGroupBy        Problem = "group-by"        // only a DaemonSet's Pods belong to nodes
	ProblemOnFail         Problem = "on-fail"         // no such choice
	ProblemGate           Problem = "gate"            // no such gate
	ProblemNegative       Problem = "negative"        // a number below 0
)

// Error says what is wrong with what was asked for, and what to do.
type Error struct {
	Problem Problem
	// Args fill the text.
	Args map[string]any
}

// Error is the English text.
func (e *Error) Error() string { return e.In(lang.English) }

// In is the text in the language.
func (e *Error) In(l lang.Lang) string { return text(l, string(e.Problem), e.Args) }

// Say puts an error of this package, or of an edit, in the reader's language; any other as it is.
func Say(err error, l lang.Lang) string {
	var wrong *Error
	if errors.As(err, &wrong) {
		return wrong.In(l)
	}
	var edit *rollout.EditError
	if errors.As(err, &edit) {
		return text(l, "edit-"+string(edit.Problem), map[string]any{
			"what": edit.What, "near": edit.Near, "known": strings.Join(edit.Known, ", "), "detail": edit.Detail,
		})
	}
	if errors.Is(err, rollout.ErrNothingToDo) {
		return text(l, "nothing-to-do", nil)
	}
	return err.Error()
}

func text(l lang.Lang, id string, args map[string]any) string {
	texts, err := loadMessages()
	if err != nil {
		return id
	}
	return strings.TrimSpace(texts.Text(l, id, args))
}
