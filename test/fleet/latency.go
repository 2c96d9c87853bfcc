package fleet

import (
	"math"
	"sync/atomic"
	"time"
)

// Latencies counts how long things took, in classes that are a tenth wide: enough
// for percentiles of millions in a few kilobytes. It may be used concurrently.
type Latencies struct{ classes [latencyClasses]atomic.Int64 }

const (
	// latencyClasses reaches from 100 µs to some hours.
	latencyClasses = 192
	shortest       = 100 * time.Microsecond
	growth         = 1.1
)

// Add counts one.
func (l *Latencies) Add(d time.Duration) {
	class := 0
	if d > shortest {
		class = min(latencyClasses-1, int(math.Log(float64(d)/float64(shortest))/math.Log(growth))+1)
	}
	l.classes[class].Add(1)
}

// Counts is how many there are of each class.
func (l *Latencies) Counts() []int64 {
	out := make([]int64, latencyClasses)
	for i := range out {
		out[i] = l.classes[i].Load()
	}
	return out
}

// Quantile returns what a share q of those counted did not exceed, to a tenth; 0 if
// there are none.
func Quantile(counts []int64, q float64) time.Duration {
	total := int64(0)
	for _, n := range counts {
		total += n
	}
	left := int64(math.Ceil(q * float64(total)))
	for class, n := range counts {
		if left -= n; left <= 0 && total > 0 {
			return time.Duration(float64(shortest) * math.Pow(growth, float64(class)))
		}
	}
	return 0
}
