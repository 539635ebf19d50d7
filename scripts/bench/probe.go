package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// probeTimeout bounds one attempt to get an answer.
const probeTimeout = 10 * time.Second

// A probe gets the first answer of a service on its socket, without credentials.
type probe func(net.Conn) error

// probeOf returns how a service of that name answers first. What is not listed speaks HTTP.
func probeOf(service string) probe {
	switch service {
	case "nats":
		return probeNATS
	case "users", "storage":
		return probeGRPC
	case "proxy":
		return probeTLS
	}
	return probeHTTP
}

// firstAnswer connects to a socket and probes it.
func firstAnswer(ctx context.Context, network, address string, ask probe) error {
	dialer := net.Dialer{Timeout: probeTimeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return err
	}
	return ask(conn)
}

// probeNATS waits for the line that a NATS server greets with.
func probeNATS(conn net.Conn) error {
	line, err := bufio.NewReaderSize(conn, 16<<10).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "INFO ") {
		return fmt.Errorf("unexpected greeting %q", line)
	}
	return nil
}

// probeGRPC begins an HTTP/2 connection and waits for the server's acknowledgement of
// the settings (RFC 9113 section 3.4), which its serving loop sends.
func probeGRPC(conn net.Conn) error {
	const (
		settings = 4
		ack      = 1
	)
	emptySettings := []byte{0, 0, 0, settings, 0, 0, 0, 0, 0}
	if _, err := conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), emptySettings...)); err != nil {
		return err
	}
	var header [9]byte
	for range 8 {
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return err
		}
		if header[3] == settings && header[4]&ack != 0 {
			return nil
		}
		length := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return err
		}
	}
	return errors.New("the settings are not acknowledged")
}

// probeHTTP asks for anything but the public start page, for which the proxy would ask
// another service: without a token it is refused, which is an answer.
func probeHTTP(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "HTTP/1.1 ") {
		return fmt.Errorf("unexpected answer %q", line)
	}
	return nil
}

// probeTLS is probeHTTP after a TLS handshake.
func probeTLS(conn net.Conn) error {
	return probeHTTP(tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}))
}
