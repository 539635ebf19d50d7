// Package upstream carries a request to a ready instance of a service and brings the
// response back.
//
// It owns the kept connections, the choice of the instance, what happens when a
// connection breaks, and the pace that a client has to keep. It leaves to its caller who
// may ask for what, and which headers go along.
//
// A request that may have been carried out is repeated only when its method is safe: a
// client that gets 502 for a MOVE has to look what became of it. And it is repeated twice
// at most: what kills the instances that work on it must not kill them all.
//
// An answer survives its instance, too: a download goes on where it broke, and the
// beginning of a listing is held until it is there. A listing of which a part was sent is
// cut off.
package upstream
