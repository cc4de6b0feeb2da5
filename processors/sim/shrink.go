package sim

// Shrink gives a small part of a script that still fails: no single message of it can be left out, unless the number of tries was not
// enough. Messages keep their order. fails must be a function of the script alone; it is called at most so many times.
//
// It is Zeller's delta debugging: leave out ever smaller pieces, and begin again with what is left where that still fails.
func Shrink(script []Message, tries int, fails func([]Message) bool) []Message {
	for pieces := 2; len(script) > 1; {
		size := (len(script) + pieces - 1) / pieces
		smaller, ok := without(script, size, &tries, fails)
		switch {
		case ok:
			script, pieces = smaller, max(pieces-1, 2)
		case size == 1 || tries <= 0:
			return script
		default:
			pieces = min(2*pieces, len(script))
		}
	}
	return script
}

// without leaves out one piece of a size after the other until the rest fails.
func without(script []Message, size int, tries *int, fails func([]Message) bool) ([]Message, bool) {
	for from := 0; from < len(script); from += size {
		if *tries--; *tries < 0 {
			return nil, false
		}
		rest := append(append([]Message(nil), script[:from]...), script[min(from+size, len(script)):]...)
		if len(rest) > 0 && fails(rest) {
			return rest, true
		}
	}
	return nil, false
}
