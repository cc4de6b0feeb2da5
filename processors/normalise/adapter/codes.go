package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"waybill/avro"
)

// Codes reads a code table: a JSON object of the partner's code to the milestone it means. Tables are data, so that a new
// code is a line in a file.
func Codes(raw []byte) (map[string]avro.MilestoneCode, error) {
	var table map[string]string
	if err := json.Unmarshal(raw, &table); err != nil {
		return nil, err
	}
	out := map[string]avro.MilestoneCode{}
	for _, code := range slices.Sorted(maps.Keys(table)) {
		m, ok := avro.ParseMilestoneCode(table[code])
		if !ok {
			return nil, fmt.Errorf("code %q means %q, which is no milestone", code, table[code])
		}
		out[code] = m
	}
	return out, nil
}

// Meaning is what a code means, or otherwise where the table does not say.
func Meaning(codes map[string]avro.MilestoneCode, code string, otherwise avro.MilestoneCode) avro.MilestoneCode {
	if m, ok := codes[code]; ok {
		return m
	}
	return otherwise
}
