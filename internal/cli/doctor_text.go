package cli

import (
	"bytes"
	"fmt"

	"github.com/kubectl-msa/kubectl-msa/pkg/render"
)

// writeDoctor shows what was found out, what is missing with what to do about it.
func (a *app) writeDoctor(v doctorView) error {
	var b bytes.Buffer
	wide := a.render(outputValue{format: render.Wide})
	facts := [][]string{
		{a.t("doctor.context"), v.Context},
		{a.t("doctor.server"), fmt.Sprintf("%s, %s", v.Server, v.ServerVersion)},
		{a.t("doctor.client"), a.t("doctor.skew."+string(v.Skew), "client", v.ClientVersion)},
		{a.t("doctor.namespace"), v.Namespace},
	}
	if err := render.WriteTable(&b, nil, facts, wide); err != nil {
		return err
	}
	if err := a.writeAccess(&b, v); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\n%s\n", a.t("doctor.apis"))
	var rows [][]string
	for _, api := range v.APIs {
		version := api.Group
		if api.Version != "" {
			version += "/" + api.Version
		}
		rows = append(rows, []string{"  " + api.Name, a.t("doctor.state." + string(api.State)), version, api.Why})
	}
	if err := render.WriteTable(&b, nil, rows, wide); err != nil {
		return err
	}
	if len(v.Plugins) > 0 {
		fmt.Fprintf(&b, "\n%s\n", a.t("doctor.plugins"))
	}
	for _, p := range v.Plugins {
		fmt.Fprintf(&b, "  %s\n", a.t("doctor.plugin."+string(p.Problem), "path", p.Path))
	}
	fmt.Fprintf(&b, "\n%s\n", a.t("doctor.requests", "n", v.Requests))
	_, err := a.Streams.Out.Write(b.Bytes())
	return err
}

func (a *app) writeAccess(b *bytes.Buffer, v doctorView) error {
	allowed, denied := 0, [][]string{}
	for _, r := range v.Access {
		if r.Allowed != nil && *r.Allowed {
			allowed++
			continue
		}
		why := a.t("doctor.access-denied", "namespace", r.Namespace)
		if r.Allowed == nil {
			why = a.t("doctor.access-unknown", "why", r.Why)
		}
		if n := len(denied); n > 0 && denied[n-1][1] == r.Resource && denied[n-1][2] == why {
			denied[n-1][0] += ", " + r.Verb
			continue
		}
		denied = append(denied, []string{"  " + r.Verb, r.Resource, why})
	}
	fmt.Fprintf(b, "\n%s\n", a.t("doctor.access", "allowed", allowed, "all", len(v.Access)))
	if len(denied) == 0 {
		return nil
	}
	if err := render.WriteTable(b, nil, denied, a.render(outputValue{format: render.Wide})); err != nil {
		return err
	}
	fmt.Fprintf(b, "  %s\n", a.t("doctor.access-hint"))
	return nil
}
