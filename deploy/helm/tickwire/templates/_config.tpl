{{/*
The configuration of a component: the common one, its own over it, and its part in the cluster.
Call with (list $ component).
*/}}
{{- define "tickwire.config" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $own := include "tickwire.componentValues" . | fromJson -}}
{{- $config := mergeOverwrite (deepCopy $root.Values.config) (deepCopy $own.config) -}}
{{- if ne $component "single" -}}
{{- $given := default dict $config.cluster -}}
{{- $name := include "tickwire.fullname" $root | trunc 32 | trimSuffix "-" -}}
{{- $cluster := dict "role" $component "servers" (include "tickwire.natsServers" $root) "name" (default $name $given.name) -}}
{{- $_ := set $config "cluster" (merge $cluster $given) -}}
{{- end -}}
{{- toJson $config -}}
{{- end -}}

{{- define "tickwire.natsServers" -}}
{{- if .Values.nats.enabled -}}
{{- $name := printf "%s-nats" (include "tickwire.fullname" .) -}}
{{- $servers := list -}}
{{- range until (int .Values.nats.replicas) -}}
{{- $servers = append $servers (printf "nats://%s-%d.%s.%s.svc:4222" $name . $name $.Release.Namespace) -}}
{{- end -}}
{{- join "," $servers -}}
{{- else -}}
{{- join "," .Values.nats.servers -}}
{{- end -}}
{{- end -}}

{{- define "tickwire.authSecret" -}}
{{- if .Values.auth.existingSecret -}}
{{- .Values.auth.existingSecret -}}
{{- else if .Values.auth.jwtSecret -}}
{{- printf "%s-auth" (include "tickwire.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* The key of the secret of HS256 tokens; empty without one. */}}
{{- define "tickwire.jwtSecretKey" -}}
{{- if .Values.auth.existingSecret -}}
{{- .Values.auth.jwtSecretKey -}}
{{- else if .Values.auth.jwtSecret -}}
jwtSecret
{{- end -}}
{{- end -}}

{{/*
What a schema cannot say of values that depend on each other: every fault ends the rendering, rather
than a pod later.
*/}}
{{- define "tickwire.check" -}}
{{- $faults := list -}}
{{- $auth := .Values.auth -}}
{{- $isCluster := eq .Values.mode "cluster" -}}
{{- $files := or $auth.keysFileKey $auth.apiKeysFileKey -}}
{{- if and (or $files $auth.jwtSecretKey) (not $auth.existingSecret) -}}
{{- $faults = append $faults "auth.jwtSecretKey, keysFileKey and apiKeysFileKey are keys of auth.existingSecret, which is not set" -}}
{{- end -}}
{{- if and $auth.existingSecret $auth.jwtSecret -}}
{{- $faults = append $faults "auth.jwtSecret is for a secret of the chart: auth.existingSecret is set, too" -}}
{{- end -}}
{{- range $component := include "tickwire.components" . | fromJsonArray -}}
{{- $config := include "tickwire.config" (list $ $component) | fromJson -}}
{{- $server := default dict $config.server -}}
{{- $tokens := or (include "tickwire.jwtSecretKey" $) $files (default dict $config.auth).jwksUrl -}}
{{- if and (not $tokens) (ne (default "no" $server.allowAnonymous) "yes") -}}
{{- $faults = append $faults (printf "%s: no tokens: set auth.existingSecret and one of its keys, auth.jwtSecret or config.auth.jwksUrl; or, if everyone who reaches it may do everything, config.server.allowAnonymous=yes" $component) -}}
{{- end -}}
{{- if and (not $.Values.tls.existingSecret) (ne (default "no" $server.allowPlaintext) "yes") -}}
{{- $faults = append $faults (printf "%s: no TLS: set tls.existingSecret or, behind an ingress that encrypts, config.server.allowPlaintext=yes" $component) -}}
{{- end -}}
{{- if and $.Values.networkPolicy.enabled (not $.Values.networkPolicy.egress) -}}
{{- range $key, $address := dict "auth.jwksUrl" (default dict $config.auth).jwksUrl "telemetry.otlpEndpoint" (default dict $config.telemetry).otlpEndpoint "kafka.brokers" (default dict $config.kafka).brokers -}}
{{- if $address -}}
{{- $faults = append $faults (printf "%s: networkPolicy.egress has no rule for config.%s" $component $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rules.sinks .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) -}}
{{- $faults = append $faults "networkPolicy.egress has no rule for rules.sinks" -}}
{{- end -}}
{{- if $isCluster -}}
{{- if .Values.rules.sinks -}}
{{- $faults = append $faults "rules.sinks: a cluster has none (docs/CLUSTER.md)" -}}
{{- end -}}
{{- if eq (not .Values.nats.servers) (not .Values.nats.enabled) -}}
{{- $faults = append $faults "nats: a cluster needs either nats.enabled or nats.servers" -}}
{{- end -}}
{{- $replicas := int (default 3 (default dict .Values.config.cluster).replicas) -}}
{{- if and .Values.nats.enabled (lt (int .Values.nats.replicas) $replicas) -}}
{{- $faults = append $faults (printf "config.cluster.replicas (%d) is more than nats.replicas (%d)" $replicas (int .Values.nats.replicas)) -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.monitoring) -}}
{{- $faults = append $faults "networkPolicy.monitoring is empty: nobody could scrape the owners" -}}
{{- end -}}
{{- else if .Values.nats.enabled -}}
{{- $faults = append $faults "nats.enabled: one process needs no brokers" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- $faults = append $faults "ingress.host is empty" -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n%s" (join "\n" $faults)) -}}
{{- end -}}
{{- end -}}
