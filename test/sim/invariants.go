package sim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/droverhq/drover/api"
)

// invariant is something that must hold whatever happens: a function, on one occasion.
type invariant struct {
	name string // of the function
	// txn is asked after every transaction, with what it changed.
	txn func(m *model, changes []change) error
	// idle is asked whenever nothing is left to do until something happens or time
	// passes.
	idle func(m *model) error
	// rest is asked when nothing happens any more (see rest.go).
	rest func(m *model) error
}

// invariants are all that is checked. docs/architecture.md lists them by these names.
var invariants = []invariant{
	{name: "noNodeIsOvercommitted", txn: noNodeIsOvercommitted},
	{name: "claimsAreKept", txn: claimsAreKept},
	{name: "volumesStayWhileUsed", txn: volumesStayWhileUsed},
	{name: "stickyVolumesAreFoundAgain", txn: stickyVolumesAreFoundAgain},
	{name: "placementsAreAllowed", txn: placementsAreAllowed},
	{name: "preemptionsHaveACause", txn: preemptionsHaveACause},
	{name: "namesAreUnique", idle: namesAreUnique},
	{name: "placesAreTakenOnce", txn: placesAreTakenOnce},
	{name: "neverMoreThanAskedFor", txn: neverMoreThanAskedFor},
	{name: "onlyWhatIsAskedFor", idle: onlyWhatIsAskedFor},
	{name: "chainsAreLinear", txn: chainsAreLinear},
	{name: "whatEndedStaysEnded", txn: whatEndedStaysEnded},
	{name: "lostNodesLoseTheirInstances", idle: lostNodesLoseTheirInstances},
	{name: "failuresAreReplacedByPolicy", txn: failuresAreReplacedByPolicy},
	{name: "oneRolloutAtATime", txn: oneRolloutAtATime},
	{name: "rolloutsKeepTheirPace", txn: rolloutsKeepTheirPace},
	{name: "haltedRolloutsGoNoFurther", txn: haltedRolloutsGoNoFurther},
	{name: "updatesLeaveEnoughUp", txn: updatesLeaveEnoughUp},
	{name: "rolloutsCountRight", idle: rolloutsCountRight},
	{name: "revertsDoNotLoop", txn: revertsDoNotLoop},
	{name: "evaluationsAreAnswered", idle: evaluationsAreAnswered},
	{name: "jobStatusSaysWhatIsSo", idle: jobStatusSaysWhatIsSo},
	{name: "whoWaitsHasAReason", idle: whoWaitsHasAReason},
	{name: "nothingInUseIsCollected", txn: nothingInUseIsCollected},
	{name: "oldVersionsWaitForPromotion", txn: oldVersionsWaitForPromotion},
	{name: "drainsLeaveEnoughUp", txn: drainsLeaveEnoughUp},
	{name: "launchesAreMadeOnce", txn: launchesAreMadeOnce},
	{name: "admittedInTurn", txn: admittedInTurn},
	{name: "whoWaitsHasNoInstances", txn: whoWaitsHasNoInstances},
	{name: "eachIndexCompletesOnce", txn: eachIndexCompletesOnce},
	{name: "parallelismIsKept", txn: parallelismIsKept},
	{name: "progressIsTrue", txn: progressIsTrue},
	{name: "progressMissesNothing", idle: progressMissesNothing},
	{name: "nothingDoneRunsOn", idle: nothingDoneRunsOn},
	{name: "gangsAreWhole", txn: gangsAreWhole},
	{name: "nothingBeginsTooLate", txn: nothingBeginsTooLate},
	{name: "overdueJobsAreDead", idle: overdueJobsAreDead},
	{name: "noJobGoesBeforeItsTime", txn: noJobGoesBeforeItsTime},
	{name: "finishedJobsGoInTime", idle: finishedJobsGoInTime},
	{name: "tagsStayWhereTheyWerePut", txn: tagsStayWhereTheyWerePut},
	{name: "healthIsEarned", txn: healthIsEarned},
	{name: "wantedEqualsActual", rest: wantedEqualsActual},
	{name: "versionsAreBounded", rest: versionsAreBounded},
}

// What must hold besides, and is found out by whoever makes a history happen.
const (
	deposedWriteNothing = "aDeposedLeaderWritesNothing" // leaderStore.Apply
	controllersWork     = "controllersDoNotFail"        // World.judge
	usersAreAnswered    = "usersAreAnswered"            // World.ask
	controllersRest     = "controllersComeToRest"       // World.settle, World.calm
	leadersFindNothing  = "aNewLeaderFindsNothingToDo"  // World.restart
	nothingIsLeft       = "nothingIsLeft"               // World.end
)

// created yields the allocations that changes made.
func created(changes []change) []*api.Allocation {
	var out []*api.Allocation
	for _, c := range changes {
		if a, ok := c.new.(*api.Allocation); ok && c.old == nil {
			out = append(out, a)
		}
	}
	return out
}

// check asks the invariants of one occasion and names those that do not hold.
func (m *model) check(ask func(invariant) error) error {
	var errs []error
	for _, i := range slices.Concat(invariants, m.world.more) {
		if err := ask(i); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", i.name, err))
		}
	}
	return errors.Join(errs...)
}
