package control

// mayControl tells whether a process of user peer may use the runtime of user own: the
// same user, and root.
func mayControl(peer, own int) bool { return peer == own || peer == 0 }
