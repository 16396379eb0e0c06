package cluster

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/rollout"
)

// managedFields is one entry of metadata.managedFields.
type managedFields struct {
	Manager  string          `json:"manager"`
	Time     time.Time       `json:"time"`
	FieldsV1 json.RawMessage `json:"fieldsV1"`
}

// Who implements rollout.Cluster: the manager that owns the field or a part of
// it, the one that wrote last where several do. Others go before this tool,
// whose entry gets a new time with every field that it writes. A field that
// someone took away has no owner.
func (c *Client) Who(ctx context.Context, r rollout.Ref, path rollout.Pointer) (string, time.Time, error) {
	o, err := c.must(ctx, r)
	if err != nil {
		return "", time.Time{}, err
	}
	var last managedFields
	for _, entry := range o.meta.ManagedFields {
		switch {
		case !owns(entry.FieldsV1, keys(path)):
		case last.Manager == "", (last.Manager == Manager) != (entry.Manager == Manager) && last.Manager == Manager,
			(last.Manager == Manager) == (entry.Manager == Manager) && !entry.Time.Before(last.Time):
			last = entry
		}
	}
	return safe(last.Manager), last.Time, nil
}

// owns follows a path through a set of fields (FieldsV1 in
// apimachinery/pkg/apis/meta/v1/types.go): a member is "f:name", an item of a
// list "k:", "v:" or "i:" with what tells it apart, and a member without any of
// its own is owned as a whole.
func owns(set json.RawMessage, path []string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(set, &members) != nil {
		return false
	}
	if len(path) == 0 {
		return true
	}
	if member, ok := members["f:"+path[0]]; ok {
		return string(member) == "{}" || owns(member, path[1:])
	}
	// The place in a list is not recorded: an owner of any item may be the one.
	for key, member := range members {
		if isNumber(path[0]) && !strings.HasPrefix(key, "f:") && key != "." && (string(member) == "{}" || owns(member, path[1:])) {
			return true
		}
	}
	return false
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
