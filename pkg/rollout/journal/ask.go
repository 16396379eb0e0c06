package journal

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// Asked implements rollout.Journal.
func (l *Leader) Asked(ctx context.Context) (*rollout.Request, error) {
	c, err := l.mine(ctx)
	if err != nil {
		return nil, err
	}
	if l.asked != nil && (c == nil || c.Data[keyRequest] == l.askedText || l.askedText == "") {
		return l.asked, nil
	}
	if c == nil {
		return nil, nil
	}
	l.asked, l.askedText = decodeRequest(c.Data[keyRequest]), c.Data[keyRequest]
	if l.asked != nil && l.took[l.asked.ID] {
		// It could not be cleared before; that it was taken up is known here.
		_ = l.Took(ctx, *l.asked)
	}
	return l.asked, nil
}

// Took implements rollout.Journal. A request that was asked for meanwhile stays.
func (l *Leader) Took(ctx context.Context, r rollout.Request) error {
	text := l.askedText
	l.took[r.ID] = true
	if l.asked != nil && l.asked.ID == r.ID {
		l.asked, l.askedText = nil, ""
	}
	if text == "" {
		return nil // with the save before
	}
	_, err := l.patch(ctx, []op{testData(keyToken, l.Token()), testData(keyRequest, text), setData(keyRequest, "")})
	if err == nil || !moved(err) && !missing(err) {
		return err
	}
	_, err = l.mine(ctx)
	return err
}

// Ask writes a person's wish down for whoever drives, in place of one that waits
// there; but a wish to go back that a driver is about to hear stays, and the error
// is a *BackFirstError. It never lands on a rollout that is over: the error is ErrNone then. The
// record says whether someone lives to take it up.
func Ask(ctx context.Context, api API, ref rollout.Ref, r rollout.Request) (*Record, error) {
	b := book{api: api, ref: ref}
	if r.ID == "" {
		r.ID = token()
	}
	for try := 1; ; try++ {
		p, err := b.read(ctx)
		if err != nil {
			return nil, err
		}
		if p.config == nil || p.config.Data[keyOver] != "" {
			return nil, fmt.Errorf("%s: %w", ref, ErrNone)
		}
		if r.At.IsZero() {
			r.At = p.at
		}
		text, err := encodeRequest(r)
		if err != nil {
			return nil, err
		}
		record := p.record(ref)
		if w := record.Request; record.Life == Live && w != nil && w.Do == rollout.AskAbort && r.Do != rollout.AskAbort {
			return nil, &BackFirstError{By: snapshot.Safe(w.By)}
		}
		_, err = b.patch(ctx, []op{testData(keyToken, p.config.Data[keyToken]), testData(keyOver, ""),
			testData(keyRequest, p.config.Data[keyRequest]), setData(keyRequest, text)})
		if err == nil {
			record.Request = &r
			return &record, nil
		}
		if !moved(err) && !missing(err) || try == tries {
			return nil, err
		}
	}
}

func encodeRequest(r rollout.Request) (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode the request: %w", err)
	}
	return string(b), nil
}
