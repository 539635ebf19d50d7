// Package process starts operating-system processes and knows at once when they end.
//
// It owns fork and exec, the identity of a process (pid and start time, never the pid
// alone), its signals, its process group, and what the kernel says about its use of
// memory and CPU. It leaves to others why a process runs and what its end means.
//
// On Linux the end of a process is seen through a pidfd in Go's network poller, so that
// hundreds of children cost no operating-system thread each. Elsewhere each child costs
// one blocked thread.
//
// The process's group ends with it. Descendants that left the group do not, but for
// EndDescendants, which finds them by a variable that they have inherited; its comment says
// whom it cannot find.
package process
