package main

import (
	"fmt"
	"io"
)

// banner says what was started, for people.
func banner(w io.Writer, a *agent) {
	fmt.Fprint(w, "==> drover agent started\n\n")
	rows := [][2]string{
		{"HTTP API", "http://" + a.http.Addr().String()},
	}
	if a.sessions != nil {
		rows = append(rows, [2]string{"Node sessions", a.sessions.Addr().String()})
	}
	rows = append(
		rows,
		[2]string{"Server", fmt.Sprint(a.cfg.Server.Enabled)},
		[2]string{"Client", fmt.Sprint(a.cfg.Client.Enabled)},
		[2]string{"Node name", a.cfg.Name},
		[2]string{"Region", fmt.Sprintf("%s (DC: %s)", a.cfg.Region, a.cfg.Datacenter)},
		[2]string{"Data", a.cfg.DataDir},
		[2]string{"Log level", a.cfg.LogLevel},
		[2]string{"Version", version},
	)
	for _, r := range rows {
		fmt.Fprintf(w, "    %13s: %s\n", r[0], r[1])
	}
	fmt.Fprint(w, "\n==> log:\n\n")
}
