package jobspec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/droverhq/drover/api"
)

// checkTemplate checks what can be known of a template before it is rendered.
func checkTemplate(p place, t *api.Template) {
	if (api.Deref(t.EmbeddedTmpl) == "") == (api.Deref(t.SourcePath) == "") {
		p.addf("give either its text (data) or the file that it is in (source)")
	}
	if api.Deref(t.DestPath) == "" {
		p.in("destination").addf("say which file it becomes: destination = \"local/…\"")
	}
	checkDestination(p, api.Deref(t.DestPath))
	checkChange(p, t)
	if perms := api.Deref(t.Perms); perms != "" {
		if mode, err := strconv.ParseUint(perms, 8, 32); err != nil || mode > 0o777 {
			p.in("perms").addf("%q is not a mode such as 644", perms)
		}
	}
	p.notNegative("splay", int64(api.Deref(t.Splay)))
	for name, id := range map[string]*int{"uid": t.Uid, "gid": t.Gid} {
		if api.Deref(id) < 0 {
			p.in("%s", name).addf("IDs are not negative; leave it out to keep who made the file")
		}
	}
	if w := t.Wait; w != nil {
		p.notNegative("wait", int64(api.Deref(w.Min)))
		if w.Max != nil && *w.Max < api.Deref(w.Min) {
			p.in("wait").addf("max is less than min")
		}
	}
	if api.Deref(t.VaultGrace) != 0 {
		p.in("vault_grace").warnf("has no effect any more; remove it")
	}
}

// checkChange checks what is to be done when a template changes.
func checkChange(p place, t *api.Template) {
	mode := api.Deref(t.ChangeMode)
	if mode != "" {
		p.oneOf("change_mode", mode, api.ChangeRestart, api.ChangeSignal, api.ChangeRunScript, api.ChangeNoop)
	}
	signal := api.Deref(t.ChangeSignal)
	switch {
	case mode == api.ChangeSignal && signal == "":
		p.in("change_signal").addf("say which signal the task gets")
	case mode == api.ChangeSignal && !slices.Contains(signals, strings.TrimPrefix(signal, "SIG")):
		p.in("change_signal").addf("%q is not a signal.%s", signal, suggest(strings.TrimPrefix(signal, "SIG"), signals))
	case mode != api.ChangeSignal && signal != "":
		p.in("change_signal").addf("it is for change_mode = %q", api.ChangeSignal)
	}
	script := t.ChangeScript
	switch {
	case mode == api.ChangeRunScript && (script == nil || api.Deref(script.Command) == ""):
		p.in("change_script").addf("say which command is run")
	case mode != api.ChangeRunScript && script != nil:
		p.in("change_script").addf("it is for change_mode = %q", api.ChangeRunScript)
	case script != nil:
		p.notNegative("change_script", int64(api.Deref(script.Timeout)))
	}
}
