// Package chaos hits the children of a running runtime while it asks the runtime for
// pages, and counts what people would have noticed.
//
// It owns the schedule of the hits (a pure function of a seed), the probing, the
// watching of recoveries, the figures, the verdict on limits, and the refusal to touch a
// runtime that it cannot see to be this machine's. The signals are sent by the runtime's
// own crash call, and what follows is the supervisor's business.
//
// It does not guarantee that two runs with one seed find the same: the schedule is the
// same, the machine is not. A child that it stopped is running or replaced when a run
// ends, unless the run itself is killed: then the health timeout has the last word.
package chaos
