package run

import (
	"encoding/binary"
	"fmt"
)

// The two messages of the health protocol have one field each: number 1, the
// service's name and the status. Both are small enough to be written by hand.
const (
	fieldOneBytes  = 1<<3 | 2
	fieldOneVarint = 1 << 3
)

// healthRequest is HealthCheckRequest, with gRPC's prefix.
func healthRequest(service string) []byte {
	var message []byte
	if service != "" {
		message = append(message, fieldOneBytes)
		message = binary.AppendUvarint(message, uint64(len(service)))
		message = append(message, service...)
	}
	framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(framed, message...)
}

// healthStatus reads HealthCheckResponse; a field of another number is passed over.
func healthStatus(message []byte) (status uint64, ok bool) {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return 0, false
		}
		value, m := binary.Uvarint(message[n:])
		if m <= 0 {
			return 0, false
		}
		switch message = message[n+m:]; key & 7 {
		case 0:
			if key == fieldOneVarint {
				status = value
			}
		case 2:
			if value > uint64(len(message)) {
				return 0, false
			}
			message = message[value:]
		default:
			return 0, false
		}
	}
	return status, true
}

// healthName is a status as the protocol names it.
func healthName(status uint64) string {
	switch status {
	case 0:
		return "UNKNOWN"
	case serving:
		return "SERVING"
	case 2:
		return "NOT_SERVING"
	case 3:
		return "SERVICE_UNKNOWN"
	}
	return fmt.Sprint(status)
}

// codeName is a status code as gRPC's client for Go writes it (codes.Code.String).
func codeName(code int) string {
	names := []string{
		"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
		"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
	}
	if code >= 0 && code < len(names) {
		return names[code]
	}
	return fmt.Sprintf("Code(%d)", code)
}

// httpCode is the code that gRPC gives an answer of plain HTTP.
func httpCode(status int) int {
	switch status {
	case 400:
		return 13
	case 401:
		return 16
	case 403:
		return 7
	case 404:
		return codeUnimplemented
	case 429, 502, 503, 504:
		return 14
	}
	return 2
}
