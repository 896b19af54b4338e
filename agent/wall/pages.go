package wall

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// pages are the files of the wall and the desk. A file changes only with the
// program, so browsers may keep those that are asked for under their version.
type pages struct {
	files   fs.FS
	version string // of all of them together
	handler http.Handler
}

func newPages(files fs.FS) *pages {
	p := &pages{files: files}
	if files == nil {
		return p
	}
	sum := sha256.New()
	// What cannot be read is not found when it is asked for.
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			text, _ := fs.ReadFile(files, name)
			sum.Write([]byte(name))
			sum.Write(text)
		}
		return nil
	})
	p.version = hex.EncodeToString(sum.Sum(nil)[:8])
	p.handler = http.FileServerFS(files)
	return p
}

// policy lets a page load what is served beside it, and nothing else: no
// script or style in the page itself, no other host, no form, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serve answers with a page, which is page.html with its name for PAGE, or with one of the files that pages need, these
// below /assets/VERSION/.
func (p *pages) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	name, asset := strings.CutPrefix(r.URL.Path, "/assets/")
	if asset {
		version, file, _ := strings.Cut(name, "/")
		if version == p.version {
			h.Set("Cache-Control", "private, max-age=31536000, immutable")
		}
		r.URL.Path = "/" + file
		if path.Ext(file) == ".html" || strings.HasSuffix(file, "/") || file == "" {
			http.NotFound(w, r)
			return
		}
		p.handler.ServeHTTP(w, r)
		return
	}
	page := "wall"
	if r.URL.Path != "/" {
		page = "desk"
	}
	text, err := fs.ReadFile(p.files, "page.html")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	strings.NewReplacer("VERSION", p.version, "PAGE", page).WriteString(w, string(text))
}
