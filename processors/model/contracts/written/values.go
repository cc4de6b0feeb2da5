package written

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"waybill/avro"
	"waybill/processors/model/money"
)

var decimals = regexp.MustCompile(`^-?[0-9]{1,14}(\.[0-9]{1,4})?$`)

// decimal reads an exact decimal at scale 4.
func decimal(s string) (avro.Unscaled, error) {
	if !decimals.MatchString(s) {
		return 0, errors.New("want a decimal of up to four places, such as 1.35")
	}
	return scaled(s, money.RateScale), nil
}

// scaled is a decimal, of no more places than digits, times ten to that.
func scaled(s string, digits int) avro.Unscaled {
	whole, rest, _ := strings.Cut(s, ".")
	n, _ := strconv.ParseInt(whole+rest+strings.Repeat("0", digits-len(rest)), 10, 64)
	return avro.Unscaled(n)
}

// minor reads an amount in minor units of a currency.
func minor(currency string) func(string) (int64, error) {
	return func(s string) (int64, error) {
		digits := money.Digits(currency)
		_, rest, _ := strings.Cut(s, ".")
		if !decimals.MatchString(s) || len(rest) > digits {
			return 0, fmt.Errorf("want an amount of up to %d decimals", digits)
		}
		return int64(scaled(s, digits)), nil
	}
}

// seconds reads a duration: 2h, 1h30m, 3d. A day has 24 hours.
func seconds(s string) (int64, error) {
	total := time.Duration(0)
	rest := s
	if n, after, ok := strings.Cut(s, "d"); ok {
		days, err := strconv.ParseInt(n, 10, 16)
		if err != nil || days < 0 {
			return 0, errors.New("want a duration, such as 2h, 15m or 1d12h")
		}
		total, rest = time.Duration(days)*24*time.Hour, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d%time.Second != 0 || d < 0 {
			return 0, errors.New("want a duration in whole seconds, such as 2h, 15m or 1d12h")
		}
		total += d
	}
	return int64(total / time.Second), nil
}

// duration reads a duration as seconds at scale 4.
func duration(s string) (avro.Unscaled, error) {
	n, err := seconds(s)
	return avro.Unscaled(n * 10_000), err
}

// day reads a date.
func day(s string) (avro.Days, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, errors.New("want a date, such as 2026-03-31")
	}
	return avro.DaysOf(t), nil
}

// dayTime reads a time of day as seconds.
func dayTime(s string) (int64, error) {
	if s == "24:00" {
		return 86_400, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, errors.New("want a time of day, such as 08:00")
	}
	return int64(t.Hour()*3600 + t.Minute()*60), nil
}

func whole(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, errors.New("want a whole number")
	}
	return n, nil
}

func small(s string) (int32, error) {
	n, err := whole(s)
	return int32(n), err
}

func truth(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, errors.New("want true or false")
	}
	return s == "true", nil
}

func plain(s string) (string, error) {
	if s == "" {
		return "", errors.New("is empty")
	}
	return s, nil
}

// symbol is an enum of the schemas.
type symbol interface {
	~int32
	fmt.Stringer
}

// choice reads one of an enum's symbols, in lower case.
func choice[E symbol](parse func(string) (E, bool)) func(string) (E, error) {
	return func(s string) (E, error) {
		v, ok := parse(strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(s)))
		if !ok || v.String() == "UNSPECIFIED" {
			return v, fmt.Errorf("there is no such thing; there are %s", choices[E]())
		}
		return v, nil
	}
}

// choices lists an enum's symbols as they are written here.
func choices[E symbol]() string {
	var list []string
	for i := range 100 {
		s := E(i).String()
		if strings.Contains(s, "(") {
			break
		}
		if s != "UNSPECIFIED" && s != "NONE" {
			list = append(list, strings.ToLower(s))
		}
	}
	return strings.Join(list, ", ")
}

// unitWords are other words for units.
var unitWords = map[string]avro.Unit{
	"mi": avro.UnitMile, "km": avro.UnitKilometre, "lb": avro.UnitPound, "lbs": avro.UnitPound, "kg": avro.UnitKilogram, "cwt": avro.UnitHundredweight,
	"t": avro.UnitTonne, "%": avro.UnitPercent,
}

func unit(s string) (avro.Unit, error) {
	if u, ok := unitWords[s]; ok {
		return u, nil
	}
	u, err := choice(avro.ParseUnit)(s)
	if err != nil {
		return choice(avro.ParseUnit)(strings.TrimSuffix(s, "s"))
	}
	return u, nil
}

// weight reads a number of a unit: 1000 lb.
func weight(s string) (quantity, error) {
	n, u, _ := strings.Cut(s, " ")
	v, err := decimal(n)
	if err != nil {
		return quantity{}, errors.New("want a number and its unit, such as 1000 lb")
	}
	of, err := unit(u)
	return quantity{v, of}, err
}

type quantity struct {
	n    avro.Unscaled
	unit avro.Unit
}

// weekdays reads mon, or mon-fri.
func weekdays(s string) ([]int32, error) {
	from, to, ranged := strings.Cut(s, "-")
	a, b := weekday(from), weekday(to)
	if !ranged {
		b = a
	}
	if a == 0 || b < a {
		return nil, errors.New("want a day or days of the week, such as sat or mon-fri")
	}
	var out []int32
	for d := a; d <= b; d++ {
		out = append(out, d)
	}
	return out, nil
}

// weekday is 1 for mon to 7 for sun; 0 is no day.
func weekday(s string) int32 {
	return int32(slices.Index([]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, strings.ToLower(s)) + 1)
}

// weekdayStep reads a day of the week as what picks a step.
func weekdayStep(s string) (avro.Unscaled, error) {
	d := weekday(s)
	if d == 0 {
		return 0, errors.New("want a day of the week, such as sat")
	}
	return avro.Unscaled(d) * 10_000, nil
}
