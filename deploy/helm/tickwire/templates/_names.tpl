{{/* A prefix of all names, also those of the subchart: 40 characters, so that suffixes fit in 63. */}}
{{- define "tickwire.fullname" -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- ternary $release (printf "%s-tickwire" $release) (contains "tickwire" $release) | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "tickwire.selector" -}}
app.kubernetes.io/name: tickwire
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tickwire.labels" -}}
{{ include "tickwire.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The components that clients connect to, and all. */}}
{{- define "tickwire.clientComponent" -}}
{{- ternary "single" "edge" (eq .Values.mode "single") -}}
{{- end -}}

{{- define "tickwire.components" -}}
{{- ternary (list "single") (list "owner" "edge") (eq .Values.mode "single") | toJson -}}
{{- end -}}

{{/* Whether a component has the rule file: in a cluster, owners. Call with (list $ component). */}}
{{- define "tickwire.hasRules" -}}
{{- if and (index . 0).Values.rules (ne (index . 1) "edge") }}yes{{ end -}}
{{- end -}}

{{/* The values of a component: call with (list $ component). */}}
{{- define "tickwire.componentValues" -}}
{{- $root := index . 0 -}}
{{- index (dict "single" $root.Values.single "owner" $root.Values.owners "edge" $root.Values.edges) (index . 1) | toJson -}}
{{- end -}}
