package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/kubectl-msa/kubectl-msa/pkg/snapshot"
)

// most bounds what is read from one file or from standard input.
const most = 512 << 20

// Options say how manifests are read.
type Options struct {
	// Namespace is where objects go that name none.
	Namespace string
	// Now is the time of a snapshot made from manifests.
	Now time.Time
}

// Error is what is wrong with a file, and where.
type Error struct {
	File string
	// Line counts from 1; 0 where there is none.
	Line int
	Err  error
}

// Error implements error: "shop.yaml:12: …".
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.File, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Load reads files, directories (their .yaml, .yml and .json files, not those
// below) and "-" for stdin into one snapshot. A saved snapshot stands alone.
// Errors are of type *Error.
func Load(paths []string, stdin io.Reader, o Options) (*snapshot.Snapshot, error) {
	s := snapshot.New(snapshot.FromManifests, o.Now)
	s.Namespace = o.Namespace
	files, err := expand(paths)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		data, err := readAll(f, stdin)
		if err != nil {
			return nil, err
		}
		docs, err := split(label(f), data)
		if err != nil {
			return nil, err
		}
		if len(docs) > 0 && docs[0].isSnapshot() {
			if len(docs) > 1 || len(files) > 1 {
				return nil, &Error{File: label(f), Line: docs[0].line, Err: errors.New("a saved snapshot cannot be read together with anything else")}
			}
			restored, err := decodeSaved(docs[0].json)
			if err != nil {
				return nil, &Error{File: label(f), Line: docs[0].line, Err: err}
			}
			return restored, nil
		}
		for _, d := range docs {
			if err := addManifest(s, d, o.Namespace); err != nil {
				return nil, &Error{File: label(f), Line: d.line, Err: err}
			}
		}
	}
	return s, nil
}

func label(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

func expand(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		if p == "-" {
			files = append(files, p)
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, &Error{File: p, Err: plain(err)}
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		found, err := manifestsIn(p)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

func manifestsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &Error{File: dir, Err: plain(err)}
	}
	var found []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".yaml", ".yml", ".json":
			if !e.IsDir() {
				found = append(found, filepath.Join(dir, e.Name()))
			}
		}
	}
	if len(found) == 0 {
		return nil, &Error{File: dir, Err: errors.New("no .yaml, .yml or .json file in this directory")}
	}
	sort.Strings(found)
	return found, nil
}

func readAll(path string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, &Error{File: path, Err: plain(err)}
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case err != nil:
		return nil, &Error{File: label(path), Err: plain(err)}
	case len(data) > most:
		return nil, &Error{File: label(path), Err: fmt.Errorf("larger than %d MiB", most>>20)}
	case strings.TrimSpace(string(data)) == "":
		return nil, &Error{File: label(path), Err: errors.New("it is empty")}
	}
	return data, nil
}

// plain drops the path that os puts before its errors: ours says it already.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
