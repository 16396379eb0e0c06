// Package env reads typed settings from environment variables and gathers
// every bad value, so that one start shows all of them.
package env

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Reader reads settings through Get, which returns "" for a variable that is
// not set. An empty value counts as not set.
type Reader struct {
	Get  func(name string) string
	errs []error
}

// Err joins what was wrong with the values read so far.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

func (r *Reader) reject(name, value, want string) {
	r.errs = append(r.errs, fmt.Errorf("%s=%q: want %s", name, value, want))
}

// String returns the value of name, or fallback.
func (r *Reader) String(name, fallback string) string {
	if v := r.Get(name); v != "" {
		return v
	}
	return fallback
}

// Required returns the value of name and rejects its absence.
func (r *Reader) Required(name string) string {
	v := r.Get(name)
	if v == "" {
		r.errs = append(r.errs, fmt.Errorf("required environment variable %s is not set", name))
	}
	return v
}

// List splits a comma-separated value.
func (r *Reader) List(name string) []string {
	return strings.FieldsFunc(r.Get(name), func(c rune) bool { return c == ',' || c == ' ' })
}

// Duration reads a duration such as 1.5s that is not negative.
func (r *Reader) Duration(name string, fallback time.Duration) time.Duration {
	v := r.Get(name)
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		r.reject(name, v, "a duration such as 500ms or 10s")
		return fallback
	}
	return d
}

// Int reads a whole number from min to max.
func (r *Reader) Int(name string, fallback, min, max int) int {
	v := r.Get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < min || n > max {
		r.reject(name, v, fmt.Sprintf("a whole number from %d to %d", min, max))
		return fallback
	}
	return n
}

// Share reads a number from 0 to 1.
func (r *Reader) Share(name string) float64 {
	v := r.Get(name)
	if v == "" {
		return 0
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		r.reject(name, v, "a share from 0 to 1")
		return 0
	}
	return f
}

// Bool reads true or false.
func (r *Reader) Bool(name string) bool {
	v := r.Get(name)
	if v == "" {
		return false
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		r.reject(name, v, "true or false")
	}
	return b
}
