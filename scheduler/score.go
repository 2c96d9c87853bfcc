package scheduler

import (
	"math"

	"github.com/droverhq/drover/api"
)

// Names of the parts of a score.
const (
	scoreBinPack      = "binpack" // also of Policy.Spread: it is the name that clients know
	scoreAntiAffinity = "job-anti-affinity"
	scorePenalty      = "node-reschedule-penalty"
	scoreAffinity     = "node-affinity"
	scoreNUMA         = "numa-affinity"
	scoreDevices      = "devices"
	scoreSpread       = "allocation-spread"
)

// maxBinPack is the bin packing score of a node that is full.
const maxBinPack = 18

// binPack returns how well a node is filled, 0 (empty) to 1 (full), when of its
// room that much is used:
//
//	(20 − (10^freeCPU + 10^freeMemory)) / 18
//
// where free is a part of the room, 0 to 1. It is "BestFit v3" of Google's
// placement (http://www.columbia.edu/~cs2035/courses/ieor4405.S13/datacenter_scheduling.ppt).
func binPack(room, used api.Usage) float64 {
	score := 20 - (math.Pow(10, freePart(room.CPU, used.CPU)) + math.Pow(10, freePart(room.MemoryMB, used.MemoryMB)))
	return min(max(score, 0), maxBinPack) / maxBinPack
}

func freePart(room, used int64) float64 {
	if room <= 0 {
		return 0
	}
	return 1 - float64(used)/float64(room)
}

// scores is the parts of a node's score, and says which of them count.
type scores struct {
	fit          float64
	antiAffinity float64 // counts if it is not 0
	penalty      float64 // counts if it is not 0
	affinity     float64 // counts if hasAffinity
	numa         float64 // counts if hasNUMA
	devices      float64 // counts if hasDevices
	spread       float64 // counts if it is not 0
	hasAffinity  bool
	hasNUMA      bool
	hasDevices   bool
	packOnly     bool // nothing but fit is looked at
}

// sum adds the parts that count, without the spread, and says how many they are.
func (s *scores) sum() (sum float64, parts int) {
	sum, parts = s.fit, 1
	if s.antiAffinity != 0 {
		sum, parts = sum+s.antiAffinity, parts+1
	}
	if s.penalty != 0 {
		sum, parts = sum+s.penalty, parts+1
	}
	if s.hasAffinity {
		sum, parts = sum+s.affinity, parts+1
	}
	if s.hasNUMA {
		sum, parts = sum+s.numa, parts+1
	}
	if s.hasDevices {
		sum, parts = sum+s.devices, parts+1
	}
	return sum, parts
}

// mean returns the score of a node: the mean of the parts that count.
func mean(sum float64, parts int, spread float64) float64 {
	if spread != 0 {
		sum, parts = sum+spread, parts+1
	}
	return sum / float64(parts)
}

// named returns the parts as they are shown.
func (s *scores) named() map[string]float64 {
	if s.packOnly {
		return map[string]float64{scoreBinPack: s.fit}
	}
	named := map[string]float64{
		scoreBinPack: s.fit, scoreAntiAffinity: s.antiAffinity, scorePenalty: s.penalty, scoreAffinity: s.affinity,
	}
	if s.spread != 0 {
		named[scoreSpread] = s.spread
	}
	if s.hasNUMA {
		named[scoreNUMA] = s.numa
	}
	if s.hasDevices {
		named[scoreDevices] = s.devices
	}
	return named
}
