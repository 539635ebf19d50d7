package escape

// Verify asks the outside, once the sandbox has ended, which effects arrived there, and
// returns a result for every attempt. An attempt that thinks it got through, but only
// into a view of its own, was refused; one whose effect is there escaped, whatever it
// says and even if it was killed for it. An attempt without a result is not passed over:
// it is added as untried. It may take two seconds. It must be called before Close,
// by the process that prepared the targets.
func (t *Targets) Verify(results []Result) []Result {
	byName := map[string]Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	var verified []Result
	before := false // the attempt before this one has a result
	for _, a := range attempts() {
		r, ok := byName[a.name]
		if !ok {
			r = a.result(a.missing(before))
		}
		before = ok
		if a.seen != nil {
			r = r.judged(a.seen(t))
		}
		verified = append(verified, r)
	}
	return verified
}

// missing is the outcome of an attempt without a result.
func (a attempt) missing(triedBefore bool) outcome {
	if a.fatal && triedBefore {
		return withheld("the sandbox was ended with it")
	}
	return untried("not tried: the suite ended before")
}

// judged corrects what an attempt says by what the outside saw.
func (r Result) judged(seen bool) Result {
	switch {
	case seen && !r.Escaped:
		r.Got += r.NotApplicable
		r.Got += ", yet the outside saw it"
		r.Escaped, r.Untried, r.NotApplicable = true, false, ""
	case !seen && r.Escaped:
		r.Got += ", but nothing outside saw it"
		r.Escaped = false
	}
	return r
}
