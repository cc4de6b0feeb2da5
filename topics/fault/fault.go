// Package fault says what an error does to the offset of the record that caused it.
//
// An error is marked once, where it is born. An unmarked error is fatal: guessing that an unknown fault may be skipped
// loses data, guessing that it may be retried loops.
package fault

import (
	"errors"
	"fmt"
)

// Class is what becomes of the record.
type Class int

// The classes. The zero value is Fatal, so that an unmarked error stops the process.
const (
	Fatal     Class = iota // offset stays; the process ends with one sentence
	Retryable              // offset stays; abort, back off, again
	Poison                 // offset advances; the record becomes a dead letter in the same transaction
	Wait                   // offset stays; the partition alone is not read for a while, then again
)

func (c Class) String() string {
	switch c {
	case Retryable:
		return "retryable"
	case Poison:
		return "poison"
	case Wait:
		return "wait"
	}
	return "fatal"
}

// Error is an error with its class, and for poison the reason code that dead letters are counted by, for wait the one that pauses are.
type Error struct {
	Class  Class
	Reason string // capitals, such as BAD_MAGIC; empty unless poison or wait
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Poisoned marks err: this record can never be processed, the ones behind it can.
func Poisoned(reason string, err error) error { return &Error{Class: Poison, Reason: reason, Err: err} }

// Poisonf is Poisoned of a new error.
func Poisonf(reason, format string, args ...any) error {
	return Poisoned(reason, fmt.Errorf(format, args...))
}

// Retry marks err: the same again may succeed.
func Retry(err error) error { return &Error{Class: Retryable, Err: err} }

// Waitf is an error of a stage that has no room for a record, which nothing is wrong with: it comes again, with all behind it, until there is.
func Waitf(reason, format string, args ...any) error {
	return &Error{Class: Wait, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Of is the class of err: that of the outermost mark in its chain, Fatal where there is none.
func Of(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Fatal
}

// Reason is the reason code of an error of class poison or wait, UNKNOWN where it has none.
func Reason(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Reason != "" {
		return e.Reason
	}
	return "UNKNOWN"
}

// Causes is the chain of err as sentences, outermost first; joined errors follow each other.
func Causes(err error) []string {
	var out []string
	for err != nil {
		if s := err.Error(); len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				out = append(out, Causes(e)...)
			}
			return out
		}
		err = errors.Unwrap(err)
	}
	return out
}
