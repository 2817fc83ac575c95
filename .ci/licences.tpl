package,licence
{{ range . }}{{ .Name }},{{ .LicenseName }}
{{ end }}