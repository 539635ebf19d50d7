package webdav

import (
	"context"
	"errors"
	"time"

	"github.com/owncloud/ocis-runtime/services/internal/microservice"
)

// commitPatience is how long the commit of an upload waits for a storage that is being
// replaced: there is more to lose than with a read.
const commitPatience = time.Minute

// maxBroken is how many processes of storage may end while they work on a call: with as many
// it is likely that they die of it, and the next one would, too.
const maxBroken = 5

// The pause before a read is repeated. A killed process accepts connections for a moment
// yet, and resets them.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = 200 * time.Millisecond
)

// errContentAway means that storage went away between the ticket and the descriptor.
var errContentAway = errors.New("the content was not handed over")

// read makes calls that change nothing which is visible, and repeats them when storage went
// away in the middle: the replacement waits behind the same sockets.
func read[T any](r *request, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := r.call()
	defer cancel()
	return repeat(ctx, r.handler.patience, call)
}

// repeat makes calls that may be made more than once until storage does not go away in the
// middle, for as long as patience after it first has, unless it seems to die of them.
func repeat[T any](ctx context.Context, patience time.Duration, call func(context.Context) (T, error)) (T, error) {
	result, err := call(ctx)
	if err == nil || !wentAway(err) {
		return result, err
	}
	expired := time.After(patience)
	broken := 0
	for pause := firstPause; wentAway(err); pause = min(2*pause, maxPause) {
		if microservice.BrokeOff(err) {
			broken++
		}
		if broken == maxBroken {
			return result, err
		}
		select {
		case <-time.After(pause):
			result, err = call(ctx)
		case <-expired:
			return result, err
		case <-ctx.Done():
			return result, err
		}
	}
	return result, err
}

// wentAway tells whether a call did not reach storage, or storage ended during it.
func wentAway(err error) bool { return failureOf(err) == microservice.WentAway }

// failureOf is microservice.FailureOf, also for the handing over of content.
func failureOf(err error) microservice.Failure {
	switch {
	case !errors.Is(err, errContentAway):
		return microservice.FailureOf(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return microservice.Late
	}
	return microservice.WentAway
}
