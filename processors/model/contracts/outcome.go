package contracts

import (
	"errors"
	"fmt"
)

// unpriced is an outcome without an amount, on its way up as an error.
type unpriced struct {
	outcome Outcome
	reason  string
}

func (u *unpriced) Error() string { return u.reason }

// heldf says what is missing to work a charge out.
func heldf(format string, args ...any) error { return &unpriced{Held, fmt.Sprintf(format, args...)} }

// nothingf says why nothing is due.
func nothingf(format string, args ...any) error {
	return &unpriced{Nothing, fmt.Sprintf(format, args...)}
}

// settle puts an error's outcome on a line. An error that is no outcome is a fault of the contract: held.
func (l *Line) settle(err error) {
	l.Outcome, l.Reason, l.Arithmetic = Held, err.Error(), ""
	l.Minor, l.Quantity, l.Rate, l.Portions = 0, 0, 0, nil
	if u, ok := errors.AsType[*unpriced](err); ok {
		l.Outcome = u.outcome
	}
}
