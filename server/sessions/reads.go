package sessions

import (
	"fmt"
	"net/http"
	"path"
	"strings"
)

// readable is what agents may read, for templates of their tasks: services and variables.
var readable = []string{"/v1/service/", "/v1/services", "/v1/var/", "/v1/vars", "/v1/vars/"}

// readsOnly lets through what agents may ask.
func readsOnly(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api != nil && r.Method == http.MethodGet && path.Clean(r.URL.Path) == strings.TrimSuffix(r.URL.Path, "/") {
			for _, may := range readable {
				if r.URL.Path == may || strings.HasSuffix(may, "/") && strings.HasPrefix(r.URL.Path, may) {
					api.ServeHTTP(w, r)
					return
				}
			}
		}
		http.Error(w, fmt.Sprintf("node agents may not ask for %s %s", r.Method, r.URL.Path), http.StatusForbidden)
	})
}
