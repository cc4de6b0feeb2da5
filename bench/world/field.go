package world

// Field is what the field does to joins: seventeen kinds, each with a rate of its own, from 0 to 1. The first ten concern what
// happens and what is said of it, so that a world without them is another world, and not the same one better told.
type Field struct {
	SplitOrder   float64 // 1: of neighbouring loads with a shipment each: both are of one order
	Consolidated float64 // 2: of loads: several shipments aboard
	Revisited    float64 // 3: of loads with three stops or more: one place is visited twice
	Swapped      float64 // 4: of loads: vehicle, device, or trailer and driver change under way, or the trailer is dropped at the end
	WrongTrip    float64 // 5: of loads: the driver of another vehicle signed on; corrected hours later
	CrossDock    float64 // 6: of loads that could: it takes on what the load before left at a terminal
	LinkDaysLate float64 // 7: of loads: its plan and assignments come up to four days late; of installations likewise
	Recycled     float64 // 8: of loads: it goes by the PRO number and BOL of one of the same carrier weeks ago, and by SSCCs and delivery numbers of a year ago
	Reissued     float64 // 9: of loads: tendered to another carrier first, cancelled, and issued again under its number
	Resent       float64 // 10: of loads: everything said about it is sent again under new envelopes
	DaysLate     float64 // 11: of messages: up to three days late; of loads: the device's fixes come half a day late
	Skewed       float64 // 12: of loads: the handheld's clock is wrong by an hour or so; of days: the device's
	LocalTime    float64 // 13: of loads: the carrier's statuses come as it writes them, in local time
	Corrected    float64 // 14: of loads: something said about it is taken back or corrected
	Noisy        float64 // 15: of stops: fixes scatter about the fence's edge, and some are far off
	Notation     float64 // 16: of messages: identifiers are written in another way
	AfterClose   float64 // 17: of loads: proofs of delivery and carrier statuses are recorded a month later
}

// rates lists them by the number and name they go by.
func (f *Field) rates() []rate {
	return []rate{
		{"split order", &f.SplitOrder}, {"consolidated", &f.Consolidated}, {"revisited", &f.Revisited}, {"swapped", &f.Swapped},
		{"wrong trip", &f.WrongTrip}, {"cross-dock", &f.CrossDock}, {"link days late", &f.LinkDaysLate}, {"recycled", &f.Recycled},
		{"reissued", &f.Reissued}, {"resent", &f.Resent}, {"days late", &f.DaysLate}, {"skewed", &f.Skewed}, {"local time", &f.LocalTime},
		{"corrected", &f.Corrected}, {"noisy", &f.Noisy}, {"notation", &f.Notation}, {"after close", &f.AfterClose},
	}
}
