package snapshot

import (
	"regexp"
	"strings"
	"sync"
)

// Address is a place on a network that a text names.
type Address struct {
	// Scheme is empty where none is written.
	Scheme string
	Host   string
	// Port is empty where none is written.
	Port string
}

// String is the address as a URL's front, or as host and port.
func (a Address) String() string {
	s := a.Host
	if a.Scheme != "" {
		s = a.Scheme + "://" + s
	}
	if a.Port != "" {
		s += ":" + a.Port
	}
	return s
}

const (
	addressText = 64 << 10 // how much of a text is looked through
	addressMost = 64       // how many addresses are taken from it
)

// placePattern: a host and a port, and nothing else.
var placePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?)\.?(?::([0-9]{2,5}))?$`)
})

// schemePattern: what a word ends in before "://".
var schemePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]{0,20}$`) })

// addressKey tells the names of settings that hold an address.
var addressKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(addr|address|host|hosts|url|uri|endpoint|endpoints|server|servers|service|upstream|backend|target|broker|brokers|bootstrap|dns)s?$|(^|[_.-])(addr|host|url|uri|endpoint|upstream|server)([_.-]|$)`)
})

// secretKey tells the names of settings whose value is nobody's business: "admin:12345" is no address.
var secretKey = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)pass|secret|token|cred|auth|login|user|key`)
})

// Addresses lists the places that the value of a setting names: of a URL its
// scheme, host and port; of "host:port" both; a bare name only where the
// setting's own name says that it holds one, or the name is one that the
// cluster's DNS gives a Service. Credentials, paths and queries are never part of it.
func Addresses(name, value string) []Address {
	if len(value) > addressText {
		value = value[:addressText]
	}
	onlyURLs := secretKey().MatchString(name)
	telling := addressKey().MatchString(name)
	words := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;\"'`<>()[]{}|", r) })
	var out []Address
	seen := map[Address]bool{}
	for _, word := range words {
		a, ok := place(word)
		alone := len(words) == 1
		switch {
		case !ok || seen[a] || onlyURLs && a.Scheme == "":
			continue
		case a.Scheme != "", strings.HasSuffix(a.Host, ".svc"), strings.Contains(a.Host, ".svc."):
		case telling && (a.Port != "" || alone):
		case alone && a.Port != "":
		default:
			continue
		}
		seen[a] = true
		if out = append(out, a); len(out) == addressMost {
			break
		}
	}
	return out
}

// place reads one word as an address: a URL, or a host with or without a port,
// behind "name=" too. A word with an @ in any other place than before a URL's
// host is none: it may be a password.
func place(word string) (Address, bool) {
	front, rest, isURL := strings.Cut(word, "://")
	var a Address
	if isURL {
		a.Scheme = strings.ToLower(schemePattern().FindString(front))
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		authority, below := rest[:end], rest[end:]
		if strings.Contains(authority, ":") && strings.Contains(below, "@") {
			return a, false
		}
		rest = authority[strings.LastIndexByte(authority, '@')+1:]
	} else {
		rest = word[strings.LastIndexByte(word, '=')+1:]
		rest, _, _ = strings.Cut(rest, "/")
	}
	m := placePattern().FindStringSubmatch(rest)
	if m == nil || isURL && a.Scheme == "" || strings.Contains(m[1], "..") || !strings.ContainsAny(strings.ToLower(m[1]), "abcdefghijklmnopqrstuvwxyz") {
		return a, false // a number or a version says nothing about a Service
	}
	a.Host, a.Port = m[1], m[2]
	return a, true
}
