package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"

	"waybill/topics/fault"
)

// passing are the server's error codes that the same INSERT may survive later (ErrorCodes.cpp): load, memory, disk,
// network, replicas, a server that is stopping. Every other code says that this INSERT will never do.
var passing = map[int32]bool{
	159: true, // TIMEOUT_EXCEEDED
	160: true, // TOO_SLOW
	164: true, // READONLY
	202: true, // TOO_MANY_SIMULTANEOUS_QUERIES
	203: true, // NO_FREE_CONNECTION
	209: true, // SOCKET_TIMEOUT
	210: true, // NETWORK_ERROR
	225: true, // NO_ZOOKEEPER
	236: true, // ABORTED
	241: true, // MEMORY_LIMIT_EXCEEDED
	242: true, // TABLE_IS_READ_ONLY
	243: true, // NOT_ENOUGH_SPACE
	252: true, // TOO_MANY_PARTS
	279: true, // ALL_CONNECTION_TRIES_FAILED
	285: true, // TOO_FEW_LIVE_REPLICAS
	286: true, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	319: true, // UNKNOWN_STATUS_OF_INSERT
	341: true, // UNFINISHED
	394: true, // QUERY_WAS_CANCELLED
	425: true, // SYSTEM_ERROR
	439: true, // CANNOT_SCHEDULE_TASK
	499: true, // S3_ERROR
	745: true, // SERVER_OVERLOADED
	999: true, // KEEPER_EXCEPTION
}

// Code is the server's error code in err's chain, 0 where the server said nothing.
func Code(err error) int32 {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		return exception.Code
	}
	var bulk *ch.Exception
	if errors.As(err, &bulk) {
		return int32(bulk.Code)
	}
	return 0
}

// classified marks err as retryable where the server's code or a broken connection says so. What stays unmarked ends the sink.
func classified(err error) error {
	if err == nil {
		return nil
	}
	if code := Code(err); code != 0 {
		if passing[code] {
			return fault.Retry(err)
		}
		return err
	}
	if isConnection(err) {
		return fault.Retry(err)
	}
	return err
}

// remedied says what to do where the server's code tells it.
func remedied(err error) error {
	switch Code(err) {
	case 16, 60, 81: // NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_TABLE, UNKNOWN_DATABASE
		return fmt.Errorf("the tables are not there, or of an older release: run `waybill clickhouse migrate`: %w", err)
	case 192, 193, 194, 497, 516: // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED
		return fmt.Errorf("check user, password and grants in clickhouse.dsn: %w", err)
	}
	return err
}

func isConnection(err error) bool {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	for _, broken := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
		clickhouse.ErrAcquireConnTimeout, clickhouse.ErrConnectionClosed, ch.ErrClosed,
	} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}
