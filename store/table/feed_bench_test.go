package table_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/droverhq/drover/api"
	"github.com/droverhq/drover/store/table"
)

// BenchmarkFeedFanOut is a transaction that all waiting readers get, until the last
// has it.
func BenchmarkFeedFanOut(b *testing.B) {
	for _, readers := range []int{1, 100, 5000} {
		b.Run(fmt.Sprint(readers, " readers"), func(b *testing.B) {
			tables := table.New(table.Options{})
			var got, reading sync.WaitGroup
			for range readers {
				feed := tables.Watch(0, api.KindNode)
				reading.Go(func() {
					defer feed.Close()
					for {
						if _, _, err := feed.Next(b.Context()); err != nil {
							return // the tables are closed
						}
						got.Done()
					}
				})
			}
			for b.Loop() {
				got.Add(readers)
				put(b, tables, &api.Node{ID: "n"})
				got.Wait()
			}
			tables.Close()
			reading.Wait()
		})
	}
}

// BenchmarkApplyWithWaitingReaders is what the writer notices of readers that wait for
// something else.
func BenchmarkApplyWithWaitingReaders(b *testing.B) {
	tables := table.New(table.Options{})
	var reading sync.WaitGroup
	for range 5000 {
		feed := tables.Watch(0, api.KindJob)
		reading.Go(func() {
			defer feed.Close()
			if _, _, err := feed.Next(b.Context()); err == nil {
				b.Error("there was no job")
			}
		})
	}
	for b.Loop() {
		put(b, tables, &api.Node{ID: "n"})
	}
	tables.Close()
	reading.Wait()
}
