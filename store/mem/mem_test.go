package mem_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/droverhq/drover/store/mem"
	"github.com/droverhq/drover/store/storetest"
	"github.com/droverhq/drover/store/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o table.Options) storetest.Opened {
	s := mem.New(mem.Options{Tables: o})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return storetest.Opened{Store: s}
}

func TestMemKeepsTheContractOfStore(t *testing.T) { storetest.Run(t, open) }

func TestMemDoesWhatTheModelDoes(t *testing.T) { storetest.RunModel(t, open) }
