package operator

import "crypto/tls"

// insecure accepts any certificate: the address is the machine's own.
func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}
