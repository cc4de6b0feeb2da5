package contracts

import (
	"cmp"
	"fmt"
	"slices"

	"waybill/avro"
)

// VersionFault is a fault between versions of one contract.
type VersionFault struct {
	Version *avro.Contract // the later one
	Fault
}

// CheckVersions lists where the effective dates of versions of a contract overlap or leave a hole, with the exact days. Give
// those alone that are to stand together: a version that another replaces is not among them.
func CheckVersions(list []*avro.Contract) []VersionFault {
	var out []VersionFault
	for _, versions := range byContract(list) {
		longest := versions[0]
		for _, v := range versions[1:] {
			out = append(out, versionFaults(longest, v)...)
			if longest.ValidTo.Ok && (!v.ValidTo.Ok || v.ValidTo.V > longest.ValidTo.V) {
				longest = v
			}
		}
	}
	return out
}

// byContract groups versions by tenant and contract, each sorted by when they begin.
func byContract(list []*avro.Contract) [][]*avro.Contract {
	in := slices.Clone(list)
	slices.SortStableFunc(in, func(a, b *avro.Contract) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ContractID, b.ContractID), cmp.Compare(a.ValidFrom, b.ValidFrom), cmp.Compare(a.Version, b.Version))
	})
	var out [][]*avro.Contract
	for i, c := range in {
		if i > 0 && in[i-1].Tenant == c.Tenant && in[i-1].ContractID == c.ContractID {
			out[len(out)-1] = append(out[len(out)-1], c)
			continue
		}
		out = append(out, []*avro.Contract{c})
	}
	return out
}

func versionFaults(a, b *avro.Contract) []VersionFault {
	var out []VersionFault
	addf := func(path, format string, args ...any) {
		out = append(out, VersionFault{b, Fault{path, fmt.Sprintf(format, args...)}})
	}
	if a.Version == b.Version {
		addf("version", "%d of contract %s stands twice", b.Version, b.ContractID)
	}
	if a.Party != b.Party || a.Direction != b.Direction {
		addf("party", "version %d of contract %s is with %s (%s), version %d with %s (%s): a contract stays with one party", a.Version, a.ContractID, a.Party, words(a.Direction), b.Version, b.Party, words(b.Direction))
	}
	switch {
	case !a.ValidTo.Ok || b.ValidFrom < a.ValidTo.V:
		addf("from", "versions %d and %d overlap %s", a.Version, b.Version, days(b.ValidFrom, earlier(a.ValidTo, b.ValidTo), b.Zone))
	case b.ValidFrom > a.ValidTo.V:
		addf("from", "between versions %d and %d there is a hole %s", a.Version, b.Version, days(a.ValidTo.V, avro.Some(b.ValidFrom), b.Zone))
	}
	return out
}

func earlier(a, b avro.Opt[avro.Micros]) avro.Opt[avro.Micros] {
	if !a.Ok || b.Ok && b.V < a.V {
		return b
	}
	return a
}

// days writes a period by its first and last local day.
func days(from avro.Micros, to avro.Opt[avro.Micros], zone string) string {
	z, err := zoneOf(zone)
	if err != nil {
		z, _ = zoneOf("UTC")
	}
	if !to.Ok {
		return "from " + date(dayOf(from, z)) + " on"
	}
	return "from " + date(dayOf(from, z)) + " to " + date(dayOf(to.V-1, z))
}
