{{/* As the members name it. */}}
{{- define "tickwire.natsName" -}}
{{- include "tickwire.fullname" . }}-nats
{{- end -}}

{{- define "tickwire.natsSelector" -}}
app.kubernetes.io/name: nats
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tickwire.natsLabels" -}}
{{ include "tickwire.natsSelector" . }}
app.kubernetes.io/component: broker
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "tickwire.natsConfig" -}}
{{- $name := include "tickwire.natsName" . -}}
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
server_name: $POD_NAME
jetstream {
  store_dir: /data
  # Else a loss of power on all brokers takes two minutes of what was acknowledged.
  sync_interval: always
}
{{- if gt (int .Values.replicas) 1 }}
cluster {
  name: {{ $name }}
  listen: "0.0.0.0:6222"
  routes: [
    {{- range until (int .Values.replicas) }}
    "nats://{{ $name }}-{{ . }}.{{ $name }}.{{ $.Release.Namespace }}.svc:6222"
    {{- end }}
  ]
}
{{- end }}
{{- end -}}
