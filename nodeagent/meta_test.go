package nodeagent_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/nodeagent/drivers/simulated"
)

// meta asks an agent for the meta of its node, or changes it.
func meta(t *testing.T, a *running, method, body string) api.NodeMeta {
	t.Helper()
	w := ask(a, method, "/v1/client/metadata", body)
	var out api.NodeMeta
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, body, w.Code, w.Body)
	}
	return out
}

func TestMetaThatWasSetOutlivesTheAgent(t *testing.T) {
	virtual(t, func(t *testing.T, c *cluster, d *simulated.Driver) {
		o := onDisk(t, c, d)
		o.Meta = map[string]string{"rack": "a", "row": "1"}
		a := start(t, o)
		<-a.Ready()
		class := a.Node().ComputedClass
		got := meta(t, a, http.MethodPost, `{"Meta":{"rack":"b","row":null,"disk":"ssd"}}`)
		want := map[string]string{"rack": "b", "disk": "ssd"}
		if !maps.Equal(got.Meta, want) || got.Static["rack"] != "a" || len(got.Dynamic) != 3 || got.Dynamic["row"] != nil {
			t.Errorf("answer %+v", got)
		}
		synctest.Wait()
		c.set(func(c *cluster) {
			if len(c.facts) != 1 || !maps.Equal(c.facts[0].Meta, want) || c.facts[0].ComputedClass == class {
				t.Errorf("the servers heard %d times of it: %+v", len(c.facts), c.facts)
			}
		})
		a.stop(t)

		a = start(t, o)
		defer a.stop(t)
		<-a.Ready()
		c.set(func(c *cluster) {
			if last := c.hellos[len(c.hellos)-1]; !maps.Equal(last.Meta, want) {
				t.Errorf("the next agent's node has %v", last.Meta)
			}
		})
		got = meta(t, a, http.MethodPut, `{"Meta":{"rack":null,"disk":null,"row":"1"}}`)
		if !maps.Equal(got.Meta, map[string]string{"row": "1"}) || len(got.Dynamic) != 2 {
			t.Errorf("answer %+v: a null is to be kept only where the configuration has the key", got)
		}
		if again := meta(t, a, http.MethodGet, ""); !maps.Equal(again.Meta, got.Meta) || len(again.Static) != 2 {
			t.Errorf("read %+v", again)
		}
	})
}

func TestMetaThatNoRuleCanNameIsRefused(t *testing.T) {
	onNode(t, func(t *testing.T, _ *cluster, _ *simulated.Driver, a *running) {
		for _, body := range []string{
			`{}`, `{"Meta":{}}`, `{"Meta":{"":"x"}}`, `{"Meta":{"a b":"x"}}`, `{"Meta":{"${x}":"x"}}`, `{"Meta":{"a":5}}`,
			`{"Meta":{"` + strings.Repeat("a", 129) + `":"x"}}`,
		} {
			if w := ask(a, http.MethodPost, "/v1/client/metadata", body); w.Code != http.StatusBadRequest {
				t.Errorf("%.40s: %d %s", body, w.Code, w.Body)
			}
		}
	})
}
