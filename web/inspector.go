package web

import (
	"embed"
	"net/http"
)

// inspected is made by inspector/build.mjs; a test compares it with the files that it is made of.
//
//go:embed inspector/dist/*.gz
var inspected embed.FS

const (
	inspectorPath   = "/threads"
	inspectorAssets = inspectorPath + "/assets/"

	// inspectorPolicy lets the page load nothing and talk to nobody but this server: images are those that messages hold themselves.
	// Messages are written by models and by people who talk to models, so beside the sanitiser there is a second wall: HTML can be made
	// of a text by DOMPurify alone (Trusted Types, where the browser has them).
	inspectorPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify"
)

// Inspector serves the page of the threads at "/threads" and its files below that, as [Handler] does the playground. The page holds
// no data: it asks the API as any client does, with the token that its reader gives. With playground it links to the one at "/".
func Inspector(playground bool) http.Handler {
	p := page{files: inspected, folder: "inspector/dist", path: inspectorPath, assets: inspectorAssets, policy: inspectorPolicy}
	if playground {
		p.beside = "./"
	}
	return p.handler()
}
