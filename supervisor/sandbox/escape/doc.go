// Package escape tries to get out of a sandbox, one harmless attempt after the other.
//
// It owns the attempts, the targets outside that they aim at, and the judgement whether
// one got through. It leaves to others the sandbox itself, starting a process in it, and
// the table that a person reads.
//
// Prepare plants the targets outside: files with secrets, listeners, a victim process,
// queues. Run then tries everything from where it is called, inside a sandbox or not,
// each attempt in a process of its own, so that being killed is a result as well.
// Targets.Verify says, again outside, which effects really arrived there, and
// Targets.Close takes everything away.
//
// Every attempt is bounded: 600 processes, 1 GiB of memory, files of 64 MiB, listeners on
// loopback, and files, processes and queues that the suite made itself. What could do harm
// to a machine is asked for with an argument that the kernel refuses only after it has
// looked at the caller's rights, so that the error tells whether they are there. The few
// that cannot be made harmless that way are tried inside a sandbox only.
//
// It does not prove that there is no way out: it shows that the known ones are shut.
package escape
