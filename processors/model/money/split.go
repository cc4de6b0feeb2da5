package money

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"waybill/avro"
)

// Share is somebody's part of an amount: his weight among all.
type Share struct {
	ID     string // unique among the shares
	Weight avro.Unscaled
}

// Split shares an amount out by weight, in the order of the shares. Each gets what his part comes to in whole minor units, cut
// towards zero; what is left over goes to the largest share, of equal ones to the first by id. So the parts add up, the order of
// the shares does not matter, and a reversal is shared out as its charge was.
func Split(minor int64, shares []Share) ([]int64, error) {
	total := new(big.Int)
	for _, s := range shares {
		if s.Weight < 0 {
			return nil, fmt.Errorf("the share of %s is negative", s.ID)
		}
		total.Add(total, big.NewInt(int64(s.Weight)))
	}
	if total.Sign() == 0 {
		return nil, errors.New("the shares come to nothing")
	}
	parts := make([]int64, len(shares))
	left := minor
	for i, s := range shares {
		part := new(big.Int).Mul(big.NewInt(minor), big.NewInt(int64(s.Weight)))
		parts[i] = part.Quo(part, total).Int64()
		left -= parts[i]
	}
	parts[largest(shares)] += left
	return parts, nil
}

func largest(shares []Share) int {
	best := slices.MaxFunc(shares, func(a, b Share) int {
		if a.Weight != b.Weight {
			return int(min(max(a.Weight-b.Weight, -1), 1))
		}
		if a.ID < b.ID {
			return 1
		}
		return -1
	})
	return slices.Index(shares, best)
}
