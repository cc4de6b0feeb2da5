// Package contracts works out what contracts say of what was done, as a pure function of facts, clauses, index prices and
// calendars: for each occasion an amount with its arithmetic, or the reason why there is none.
package contracts

import (
	"waybill/avro"
	"waybill/processors/model/money"
)

// Job is what was done for one subject of charges: a shipment, a load or a storage lot. What the facts do not say stays absent;
// a clause that needs it holds its charge and names it.
type Job struct {
	PickedUp  avro.Opt[avro.Micros] // when it was picked up: decides the week of an index
	Zone      string                // IANA zone of the pickup; empty: the contract's
	Mode      string                // mode of transport
	Equipment string
	From, To  avro.Opt[avro.Area]
	Weight    avro.Opt[Quantity]
	Occasions []Occasion
	Charged   []Line // charges under other contracts that a percentage of this one may rest on
	Indices   map[string][]Quote
	Calendars map[string][]avro.Days
}

// Occasion is one thing that happened and may be charged.
type Occasion struct {
	Kind    avro.Occasion
	Ref     string          // which of its kind: stop, receipt, attempt; unique among those of its kind
	Receipt avro.ChargeType // RECEIPT: what it is for
	Zone    string          // IANA zone where it happened; empty: the contract's

	// A visit counts from check-in (or arrival) to release (or departure); layover and storage from arrival to departure.
	Stop        avro.StopType
	Appointment avro.Opt[avro.Micros]
	Arrived     avro.Opt[avro.Micros]
	CheckedIn   avro.Opt[avro.Micros]
	Released    avro.Opt[avro.Micros]
	Departed    avro.Opt[avro.Micros]
	Reasons     []Reason

	Ordinal  avro.Opt[int64]    // the n-th of its kind, from 1
	Distance avro.Opt[Quantity] // driven for it
	Deadhead avro.Opt[Quantity] // driven empty for it
	Extra    avro.Opt[Quantity] // beyond the plan, or off the route
	Weight   avro.Opt[Quantity] // the job's where absent
	Pieces   []Quantity         // by unit: PALLET, CASE, PIECE
	Cost     avro.Opt[Cost]     // of the receipt
	Is       []avro.Circumstance
	IsNot    []avro.Circumstance
	Parts    []Part // shipments (or payors) that had a part in it; fewer than two: nothing is shared
}

// Quantity is a number of units, scale 4.
type Quantity struct {
	N    avro.Unscaled
	Unit avro.Unit
}

// Cost is money laid out.
type Cost struct {
	Minor    int64
	Currency string
}

// Reason is a reason code (X12 AT702) for a part of a visit, or for all of it.
type Reason struct {
	Code     string
	From, To avro.Opt[avro.Micros]
}

// Part is what somebody had of a shared occasion.
type Part struct {
	ID     string
	Weight avro.Opt[Quantity]
	Pieces avro.Opt[avro.Unscaled]
}

// Quote is a published price of an index, scale 4. Lists of them are sorted by day.
type Quote struct {
	Published avro.Days
	Price     avro.Unscaled
}

// Outcome is what became of an occasion under a clause.
type Outcome int

// The outcomes. Every occasion comes to at least one of them for a contract.
const (
	Due      Outcome = iota // Minor is due; Arithmetic says why
	Nothing                 // by the contract nothing is due; Reason says why
	Held                    // it cannot be worked out; Reason says what is missing
	Unagreed                // no clause speaks of it
)

func (o Outcome) String() string { return [...]string{"due", "nothing", "held", "unagreed"}[o] }

// Line is one charge, or why there is none.
type Line struct {
	Outcome    Outcome
	Type       avro.ChargeType
	On         avro.Occasion
	Ref        string
	Clause     string // empty where unagreed
	Minor      int64
	Currency   string
	Quantity   avro.Unscaled // charged, in Unit
	Unit       avro.Unit
	Rate       avro.Unscaled // per unit in major units; 0 where there is more than one, or none
	Arithmetic string        // of an amount that is due
	Reason     string        // of every other outcome
	Portions   []Portion     // what it is shared out into; empty: it is one payor's

	shares []money.Share
}

// Portion is one share of a line. Portions add up to the line.
type Portion struct {
	ID    string
	Minor int64
}
