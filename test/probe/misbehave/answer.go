package misbehave

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Answer writes what a request's path asks for:
//
//	/status/CODE, /hop/N, /hang, /reset, /close, /raw?text=, /need?NAME=VALUE,
//	/path (passes for the path and query that /path?want= names),
//	/to?code=&url= (URL with {self}, {other}, {closed}, {tls} for addresses of this server),
//	/body?n=&length=&end=ok|hang|reset|close&chunked=&after=,
//	and on all of them ms= waits first.
func Answer(p Ports, c net.Conn, r *http.Request) {
	q := r.URL.Query()
	wait(q.Get("ms"))
	switch head, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); head {
	case "", "ok":
		plain(c, 200, nil, "ok")
	case "status":
		code, _ := strconv.Atoi(rest)
		plain(c, code, nil, "")
	case "hop":
		n, _ := strconv.Atoi(rest)
		if n == 0 {
			plain(c, 200, nil, "there")
			return
		}
		plain(c, 302, []string{fmt.Sprintf("Location: /hop/%d", n-1)}, "")
	case "loop":
		plain(c, 302, []string{"Location: /loop"}, "")
	case "hang":
		hang(c)
	case "reset":
		reset(c)
	case "close":
	case "raw":
		_, _ = c.Write([]byte(q.Get("text")))
	case "to":
		code, _ := strconv.Atoi(q.Get("code"))
		plain(c, code, []string{"Location: " + fill(p, r.Host, q.Get("url"))}, "see there")
	case "need":
		plain(c, needs(r), nil, "")
	case "body":
		body(c, q)
	default:
		plain(c, 404, nil, "no "+r.URL.Path)
	}
}

func wait(ms string) {
	if n, err := strconv.Atoi(ms); err == nil {
		time.Sleep(min(time.Duration(n)*time.Millisecond, longest))
	}
}

// fill puts the addresses of this server into a URL, as the client called it.
func fill(p Ports, host, url string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	at := func(port int) string { return net.JoinHostPort(name, strconv.Itoa(port)) }
	return strings.NewReplacer("{name}", name, "{self}", at(p.HTTP), "{other}", at(p.Other), "{closed}", at(p.Closed), "{tls}", at(p.TLS)).Replace(url)
}

// needs is 200 where the request has every header that the query names, with
// that value; an empty one must not be there. "host" is the host asked for.
func needs(r *http.Request) int {
	for name, values := range r.URL.Query() {
		got := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			got, _, _ = strings.Cut(r.Host, ":")
		}
		if name == "prefix" {
			got = r.Header.Get("User-Agent")
			if !strings.HasPrefix(got, values[0]) {
				return 400
			}
			continue
		}
		if name != "ms" && got != values[0] {
			return 400
		}
	}
	return 200
}

func plain(c net.Conn, code int, headers []string, text string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", code, http.StatusText(code))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if code != 204 && code != 304 && code >= 200 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(text))
	} else {
		text = ""
	}
	b.WriteString("Connection: close\r\n\r\n" + text)
	_, _ = c.Write(b.Bytes())
}

// body sends n bytes where it has announced length of them (-1: announces
// nothing, and the end of the connection ends the body), then ends as asked.
func body(c net.Conn, q map[string][]string) {
	get := func(k string) string {
		if v := q[k]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	n, _ := strconv.Atoi(get("n"))
	length, err := strconv.Atoi(get("length"))
	if err != nil {
		length = n
	}
	code := 200
	if v, err := strconv.Atoi(get("code")); err == nil {
		code = v
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.%s %d x\r\nConnection: close\r\n", orElse(get("minor"), "1"), code)
	payload := bytes.Repeat([]byte("x"), n)
	switch {
	case get("chunked") != "":
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		if n > 0 {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", n, payload)
		}
		if get("end") == "" {
			b.WriteString("0\r\n\r\n")
		}
	case length >= 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", length, payload)
	default:
		fmt.Fprintf(&b, "\r\n%s", payload)
	}
	all := b.Bytes()
	if v, err := strconv.Atoi(get("pause")); err == nil { // in the middle of the body
		half := len(all) - n/2
		_, _ = c.Write(all[:half])
		time.Sleep(min(time.Duration(v)*time.Millisecond, longest))
		all = all[half:]
	}
	_, _ = c.Write(all)
	switch get("end") {
	case "hang":
		hang(c)
	case "reset":
		time.Sleep(50 * time.Millisecond) // what was sent is to arrive first
		reset(c)
	}
}

func orElse(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}
