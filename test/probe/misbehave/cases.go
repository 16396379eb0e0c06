package misbehave

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Case is one probe that asks the server.
type Case struct {
	Name  string
	Probe *corev1.Probe
	// Sore says that a run takes seconds: three tries of a timeout.
	Sore bool
	// Doubt names the documented difference between a kubelet and a run by port forwarding; "" for none.
	Doubt string
}

// Container is the one whose probes they are: it declares named ports.
func Container(p Ports) *corev1.Container {
	return &corev1.Container{Name: "app", Ports: []corev1.ContainerPort{
		{Name: "web", ContainerPort: int32(p.HTTP)}, {Name: "tls", ContainerPort: int32(p.TLS)}, {Name: "shut", ContainerPort: int32(p.Closed)},
	}}
}

// Cases is the whole table for HTTP and TCP.
func Cases(p Ports) []Case {
	t := &table{ports: p}
	t.statuses()
	t.redirects()
	t.headers()
	t.paths()
	t.schemes()
	t.bodies()
	t.timing()
	t.broken()
	t.portForms()
	t.tcp()
	return t.all
}

type table struct {
	ports Ports
	all   []Case
}

func (t *table) add(name string, p *corev1.Probe) *Case {
	p.PeriodSeconds, p.FailureThreshold, p.SuccessThreshold = 1, 1, 1
	if p.TimeoutSeconds == 0 {
		p.TimeoutSeconds = 1
	}
	t.all = append(t.all, Case{Name: name, Probe: p})
	return &t.all[len(t.all)-1]
}

func get(port intstr.IntOrString, path string, headers ...string) *corev1.Probe {
	h := &corev1.HTTPGetAction{Port: port, Path: path, Scheme: corev1.URISchemeHTTP}
	for i := 0; i+1 < len(headers); i += 2 {
		h.HTTPHeaders = append(h.HTTPHeaders, corev1.HTTPHeader{Name: headers[i], Value: headers[i+1]})
	}
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: h}}
}

func (t *table) http(name, path string, headers ...string) *Case {
	return t.add(name, get(intstr.FromInt(t.ports.HTTP), path, headers...))
}

func (t *table) statuses() {
	for _, code := range []int{
		200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 250, 299, 300, 301, 302, 303, 304, 305, 306, 307, 308, 350, 399,
		400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499,
		500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 599, 600, 999,
	} {
		t.http(fmt.Sprintf("status %d", code), fmt.Sprintf("/status/%d", code))
	}
}

func (t *table) redirects() {
	for _, code := range []int{301, 302, 303, 307, 308} {
		for name, to := range map[string]string{
			"to a path that passes": "/ok", "to a path that fails": "/status/500", "to the same host, other port": "http://{other}/ok",
			"to the same host, closed port": "http://{closed}/ok", "to another host": "http://elsewhere.example/ok", "to HTTPS of the same host": "https://{tls}/ok",
		} {
			t.http(fmt.Sprintf("redirect %d %s", code, name), redirect(code, to))
		}
	}
	for _, code := range []int{300, 304, 305} {
		t.http(fmt.Sprintf("status %d with a location", code), redirect(code, "/status/500"))
	}
	for name, to := range map[string]string{
		"to nothing": "", "to a URL that is none": "http://%zz/", "to another scheme": "ftp://{self}/ok", "without a scheme": "//{self}/ok",
		"to a relative path": "ok", "to a query": "?ms=1", "to the host in capitals": "http://{self}/OK", "to itself forever": "/loop",
		"to another host that is the same by name": "http://localhost:1/ok", "to HTTPS of a plain port": "https://{self}/ok", "to HTTP of a TLS port": "http://{tls}/ok",
	} {
		t.http("redirect 302 "+name, redirect(302, to))
	}
	for _, hops := range []int{1, 2, 8, 9, 10, 11, 20} {
		t.http(fmt.Sprintf("redirects in a row: %d", hops), fmt.Sprintf("/hop/%d", hops))
	}
	t.http("redirect to the host of a Host header", redirect(302, "http://{name}/ok"), "Host", "shop.example")
	t.http("redirect to a path under a Host header", redirect(302, "/ok"), "Host", "shop.example")
	t.http("redirect to a failing path under a Host header", redirect(302, "/status/503"), "Host", "shop.example")
}

func redirect(code int, to string) string {
	return "/to?" + url.Values{"code": {strconv.Itoa(code)}, "url": {to}}.Encode()
}

func need(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return "/need?" + v.Encode()
}

func (t *table) headers() {
	t.http("its user agent", need("prefix", "kube-probe/"))
	t.http("accepts anything", need("Accept", "*/*"))
	t.http("asks for no compression", need("Accept-Encoding", ""))
	t.http("keeps no connection", need("Connection", "close"))
	t.http("sends no cookie", need("Cookie", "a=b"))
	t.http("a user agent of its own", need("User-Agent", "me/1"), "User-Agent", "me/1")
	t.http("an empty user agent", need("User-Agent", ""), "User-Agent", "")
	t.http("an accept of its own", need("Accept", "text/html"), "Accept", "text/html")
	t.http("an empty accept", need("Accept", ""), "Accept", "")
	t.http("accept in small letters", need("Accept", "text/plain"), "accept", "text/plain")
	t.http("one header", need("X-A", "1"), "X-A", "1")
	t.http("one header that is wrong", need("X-A", "2"), "X-A", "1")
	t.http("one header twice", need("X-A", "1,2"), "X-A", "1", "X-A", "2")
	t.http("a header in small letters", need("X-A", "1"), "x-a", "1")
	t.http("a header with an empty value", need("X-A", ""), "X-A", "")
	t.http("authorization", need("Authorization", "Bearer x"), "Authorization", "Bearer x")
	t.http("a host header", need("host", "shop.example"), "Host", "shop.example")
	t.http("a host header in small letters", need("host", "shop.example"), "host", "shop.example")
	t.http("a host header with a port", need("host", "shop.example"), "Host", "shop.example:99")
	t.http("a host header that is wrong", need("host", "other.example"), "Host", "shop.example")
	t.http("a host header across a redirect", redirect(302, need("host", "shop.example")), "Host", "shop.example")
	t.http("a header across a redirect", redirect(302, need("X-A", "1")), "X-A", "1")
	t.http("a user agent across a redirect", redirect(302, need("prefix", "kube-probe/")))
	t.http("authorization across a redirect to another port", redirect(302, "http://{other}"+need("Authorization", "Bearer x")), "Authorization", "Bearer x")
}

func (t *table) paths() {
	for name, path := range map[string]string{
		"an empty path": "", "a slash": "/", "no leading slash": "ok", "a query": "/ok?a=b", "a fragment": "/ok#x", "two slashes": "//ok", "an encoded path": "/%6fk",
		"an encoded slash": "/status%2F200", "a percent sign alone": "/ok%", "a path with a space": "/ok%20", "letters of another script": "/한국어", "an absolute URL": "http://elsewhere.example/ok",
		"a path that is not there": "/nothing", "a dot": "/./ok", "two dots": "/a/../ok", "a question mark alone": "/ok?", "a colon": "/ok:80", "a query without a path": "?a=b",
	} {
		t.http("path: "+name, path)
	}
}

func (t *table) scheme(name string, port int, path string, scheme corev1.URIScheme) {
	p := get(intstr.FromInt(port), path)
	p.HTTPGet.Scheme = scheme
	t.add(name, p)
}

func (t *table) schemes() {
	p := t.ports
	t.scheme("HTTPS", p.TLS, "/ok", corev1.URISchemeHTTPS)
	t.scheme("HTTPS that fails", p.TLS, "/status/500", corev1.URISchemeHTTPS)
	t.scheme("HTTPS that resets", p.TLS, "/reset", corev1.URISchemeHTTPS)
	t.scheme("HTTPS with an expired certificate", p.Expired, "/ok", corev1.URISchemeHTTPS)
	t.scheme("HTTPS that wants a client's certificate", p.ClientCert, "/ok", corev1.URISchemeHTTPS)
	t.scheme("HTTPS of HTTP/2", p.H2, "/ok", corev1.URISchemeHTTPS)
	t.scheme("HTTPS of HTTP/2 that fails", p.H2, "/no", corev1.URISchemeHTTPS)
	t.scheme("HTTPS to a plain port", p.HTTP, "/ok", corev1.URISchemeHTTPS)
	t.scheme("HTTPS to a silent port", p.Silent, "/ok", corev1.URISchemeHTTPS)
	t.scheme("HTTP to a TLS port", p.TLS, "/ok", corev1.URISchemeHTTP)
	t.scheme("HTTPS redirect to HTTP", p.TLS, redirect(302, "http://{self}/ok"), corev1.URISchemeHTTPS)
	t.scheme("HTTPS to a closed port", p.Closed, "/ok", corev1.URISchemeHTTPS)
}

func (t *table) bodies() {
	for _, n := range []int{0, 1, 10<<10 - 1, 10 << 10, 10<<10 + 1, 64 << 10, 1 << 20} {
		t.http(fmt.Sprintf("body of %d bytes", n), fmt.Sprintf("/body?n=%d", n))
		t.http(fmt.Sprintf("chunked body of %d bytes", n), fmt.Sprintf("/body?n=%d&chunked=1", n))
		t.http(fmt.Sprintf("body of %d bytes that the connection ends", n), fmt.Sprintf("/body?n=%d&length=-1", n))
		t.http(fmt.Sprintf("failing body of %d bytes", n), fmt.Sprintf("/body?n=%d&code=500", n))
	}
	t.http("body of HTTP/1.0", "/body?n=100&length=-1&minor=0")
	t.http("truncated body", "/body?n=100&length=200")
	t.http("truncated body of a failure", "/body?n=100&length=200&code=500")
	t.http("truncated chunks", "/body?n=100&chunked=1&end=close")
	t.http("body truncated after what is read", "/body?n=20000&length=40000")
	t.http("body truncated at what is read", "/body?n=10240&length=20000")
	t.http("body reset", "/body?n=100&length=200&end=reset")
	t.http("body reset without a length", "/body?n=100&length=-1&end=reset")
	t.http("body reset after what is read", "/body?n=20000&length=40000&end=reset").Doubt = "a reset may overtake what was sent before it"
	sore := func(name, path string) { t.http(name, path).Sore = true }
	sore("body that hangs", "/body?n=100&length=200&end=hang")
	sore("body that hangs without a length", "/body?n=100&length=-1&end=hang")
	sore("chunks that hang", "/body?n=100&chunked=1&end=hang")
	sore("failing body that hangs", "/body?n=100&length=200&code=500&end=hang")
	t.http("body that hangs after what is read", "/body?n=20000&length=40000&end=hang")
	t.http("body with a pause", "/body?n=100&pause=300")
	sore("body with too long a pause", "/body?n=100&pause=2500")
	t.http("a moment's wait without a body", "/body?n=0&ms=200")
}

func (t *table) timing() {
	for _, c := range []struct{ timeout, ms int }{{1, 0}, {1, 250}, {1, 500}, {1, 2000}, {2, 1000}, {2, 3500}, {3, 2000}} {
		p := get(intstr.FromInt(t.ports.HTTP), fmt.Sprintf("/ok?ms=%d", c.ms))
		p.TimeoutSeconds = int32(c.timeout)
		t.add(fmt.Sprintf("answer after %d ms, timeout %d s", c.ms, c.timeout), p)
	}
	p := get(intstr.FromInt(t.ports.HTTP), redirect(302, "/ok?ms=700")+"&ms=700")
	t.add("timeout over two answers together", p)
	p = get(intstr.FromInt(t.ports.HTTP), redirect(302, "/ok?ms=300")+"&ms=300")
	t.add("two answers within the timeout", p)
	t.http("a failure after a while", "/status/500?ms=300")
}

func (t *table) broken() {
	for name, text := range map[string]string{
		"nothing": "", "garbage": "what do you want", "a line of SSH": "SSH-2.0-OpenSSH\r\n", "half a status line": "HTTP/1.1 20", "no status": "HTTP/1.1\r\n\r\n", "a status of letters": "HTTP/1.1 abc OK\r\n\r\n",
		"a status of two digits": "HTTP/1.1 20 OK\r\n\r\n", "half the headers": "HTTP/1.1 200 OK\r\nX-A: 1\r\n", "a header without a colon": "HTTP/1.1 200 OK\r\nbroken\r\n\r\n",
		"line feeds alone": "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "HTTP/0.9": "ok", "HTTP/2 in plain": "HTTP/2 200\r\n\r\n", "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"a length below zero": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "chunks that are none": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "an unknown encoding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\n\r\nok",
		"early hints first": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "continue first": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
		"a body with a 204": "HTTP/1.1 204 No Content\r\n\r\nsurprise", "gzip that is none": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", "switching protocols": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"headers without end": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 3000) + "\r\nContent-Length: 0\r\n\r\n",
	} {
		t.http("answer: "+name, "/raw?"+url.Values{"text": {text}}.Encode())
	}
	t.http("hangs", "/hang")
	t.http("is reset", "/reset")
	t.http("is closed", "/close")
	t.http("is reset after a while", "/reset?ms=300")
	t.http("is closed after a while", "/close?ms=300")
	p := t.ports
	t.scheme("HTTP to a closed port", p.Closed, "/ok", corev1.URISchemeHTTP)
	t.scheme("HTTP to a silent port", p.Silent, "/ok", corev1.URISchemeHTTP)
	t.scheme("HTTP to a port that slams", p.Slammed, "/ok", corev1.URISchemeHTTP)
}

func (t *table) portForms() {
	for name, port := range map[string]intstr.IntOrString{
		"by name": intstr.FromString("web"), "by a number in quotes": intstr.FromString(strconv.Itoa(t.ports.HTTP)), "by a name that nobody declares": intstr.FromString("nosuch"),
		"by the name of a closed port": intstr.FromString("shut"), "by the name of a TLS port": intstr.FromString("tls"),
	} {
		t.add("HTTP port "+name, get(port, "/ok"))
		t.add("TCP port "+name, &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: port}}})
	}
}

func (t *table) tcp() {
	p := t.ports
	for name, port := range map[string]int{"open": p.HTTP, "TLS": p.TLS, "silent": p.Silent, "closed": p.Closed} {
		t.add("TCP port "+name, &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(port)}}})
	}
}
