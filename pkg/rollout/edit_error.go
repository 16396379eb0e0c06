package rollout

import (
	"fmt"
	"strings"
)

// EditProblem is what is wrong with an edit.
type EditProblem string

// What may be wrong with an edit.
const (
	EditEmpty         EditProblem = "empty"          // it asks for nothing
	EditUnreadable    EditProblem = "unreadable"     // What is not the JSON it should be
	EditNoContainer   EditProblem = "no-container"   // no container is called What
	EditNoImage       EditProblem = "no-image"       // the image for container What is empty
	EditNoVariable    EditProblem = "no-variable"    // a variable has no name
	EditOutside       EditProblem = "outside"        // the patch touches field What, which no rollout changes
	EditOtherObject   EditProblem = "other-object"   // What is of another object: Detail says of which
	EditCannotMerge   EditProblem = "cannot-merge"   // What cannot be merged into the live template
	EditNoRevision    EditProblem = "no-revision"    // there is no revision What
	EditOtherRevision EditProblem = "other-revision" // revision What holds no template
)

// EditError says what is wrong with an edit.
type EditError struct {
	Problem EditProblem
	What    string
	// Near is what was probably meant, Known all there is.
	Near  string
	Known []string
	// Detail is what a parser or the live object says.
	Detail string
}

func (e *EditError) Error() string {
	switch e.Problem {
	case EditEmpty:
		return "nothing was asked to change: give an image, a variable, a patch, a manifest or a revision"
	case EditUnreadable:
		return fmt.Sprintf("%s cannot be read: %s", e.What, e.Detail)
	case EditNoContainer:
		return fmt.Sprintf("no container is called %q%s", e.What, e.instead())
	case EditNoImage:
		return fmt.Sprintf("the image for container %q is empty: give one, such as app=shop/web:v2", e.What)
	case EditNoVariable:
		return "a variable has no name: write NAME=VALUE, or NAME- to remove it"
	case EditOutside:
		return fmt.Sprintf("the patch changes %s: a rollout changes spec.template only; change the rest on its own, with kubectl patch", e.What)
	case EditOtherObject:
		return fmt.Sprintf("%s is not for this workload: %s", e.What, e.Detail)
	case EditCannotMerge:
		return fmt.Sprintf("%s cannot be merged into the live template: %s", e.What, e.Detail)
	case EditNoRevision:
		return fmt.Sprintf("there is no revision %s%s", e.What, e.instead())
	case EditOtherRevision:
		return fmt.Sprintf("revision %s holds no Pod template: %s", e.What, e.Detail)
	}
	return string(e.Problem)
}

// instead says what there is in the place of what is not.
func (e *EditError) instead() string {
	text := " (there are none)"
	if len(e.Known) > 0 {
		text = " (known: " + strings.Join(e.Known, ", ") + ")"
	}
	if e.Near != "" {
		text += fmt.Sprintf(": did you mean %q?", e.Near)
	}
	return text
}
