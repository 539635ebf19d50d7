package config

import (
	"net"
	"strconv"
)

// AddressProblem says what keeps an address from being a host, which may be empty, and a
// port number, such as "127.0.0.1:9200"; it returns "" for one that is.
func AddressProblem(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "it is no address with a port"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "the port must be a number up to 65535"
	}
	return ""
}
