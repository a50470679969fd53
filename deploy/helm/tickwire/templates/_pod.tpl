{{/* The template of a component's pods. Call with (list $ component). */}}
{{- define "tickwire.pod" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $own := include "tickwire.componentValues" . | fromJson -}}
{{- $config := include "tickwire.config" . | fromJson -}}
{{- $server := default dict $config.server -}}
{{- $tls := $root.Values.tls.existingSecret -}}
{{- $auth := $root.Values.auth -}}
{{- $nats := $root.Values.nats -}}
{{- $isMember := ne $component "single" -}}
{{- $leaseMs := int (dig "leaseMs" 10000 (default dict $config.cluster)) -}}
{{- $stopMs := add (int (default 0 $server.preStopMs)) (int (dig "drainMs" 4000 $server)) -}}
metadata:
  labels:
    {{- include "tickwire.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
    {{- with $own.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed configuration makes new pods.
    checksum/config: {{ include "tickwire.config" . | sha256sum }}
    {{- if include "tickwire.hasRules" . }}
    checksum/rules: {{ toJson $root.Values.rules | sha256sum }}
    {{- end }}
    {{- if and $auth.jwtSecret (not $auth.existingSecret) }}
    checksum/auth: {{ $auth.jwtSecret | sha256sum }}
    {{- end }}
    {{- with $own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "tickwire.fullname" $root }}
  automountServiceAccountToken: false
  # Their variables would begin like those of our settings.
  enableServiceLinks: false
  # preStopSeconds, server.preStopMs, server.drainMs, and 21 s: the last snapshot, and alerts for sinks.
  terminationGracePeriodSeconds: {{ add (int $root.Values.preStopSeconds) (div (add $stopMs 999) 1000) 21 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  containers:
    - name: tickwire
      image: {{ include "tickwire.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      # Flags win over the variables that the image sets.
      args:
        - --config=/etc/tickwire/config.json
        - --server.host={{ $root.Values.listen }}
        - --server.port=9001
        - --store.directory={{ ternary "" "/data/store" $isMember }}
        - --log.format=json
        {{- if include "tickwire.hasRules" . }}
        - --rules.file=/etc/tickwire/rules.json
        {{- end }}
        {{- if $tls }}
        - --tls.certificateFile=/etc/tickwire-tls/tls.crt
        - --tls.keyFile=/etc/tickwire-tls/tls.key
        {{- end }}
        {{- with $auth.keysFileKey }}
        - --auth.keysFile=/etc/tickwire-auth/{{ . }}
        {{- end }}
        {{- with $auth.apiKeysFileKey }}
        - --auth.apiKeysFile=/etc/tickwire-auth/{{ . }}
        {{- end }}
        {{- if and $isMember $nats.credentialsSecret }}
        - --cluster.credentialsFile=/etc/tickwire-nats/nats.creds
        {{- end }}
        {{- if and $isMember $nats.caSecret }}
        - --cluster.tlsCaFile=/etc/tickwire-nats-ca/ca.crt
        {{- end }}
      {{- $jwtSecretKey := include "tickwire.jwtSecretKey" $root }}
      {{- if or $jwtSecretKey $root.Values.extraEnv }}
      env:
        {{- if $jwtSecretKey }}
        - name: TICKWIRE_AUTH_JWT_SECRET
          valueFrom:
            secretKeyRef:
              name: {{ include "tickwire.authSecret" $root }}
              key: {{ $jwtSecretKey }}
        {{- end }}
        {{- with $root.Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      ports:
        - name: http
          containerPort: 9001
      # Until the start is through, /healthz is the only judge, and patient.
      startupProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ ternary "HTTPS" "HTTP" (ne $tls "") }} }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: {{ div (add (int $root.Values.startupSeconds) 1) 2 }}
      livenessProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ ternary "HTTPS" "HTTP" (ne $tls "") }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      # 503 while it starts, replays, stops or cannot save: no traffic, and no restart. While shards
      # change hands, all edges say so at once: two leases pass before none would take clients.
      readinessProbe:
        httpGet: { path: /readyz, port: http, scheme: {{ ternary "HTTPS" "HTTP" (ne $tls "") }} }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: {{ ternary (add 1 (div $leaseMs 1000)) 2 $isMember }}
      {{- with $root.Values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ . }} }
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      {{- with $own.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - { name: config, mountPath: /etc/tickwire, readOnly: true }
        {{- if not $isMember }}
        - { name: store, mountPath: /data }
        {{- end }}
        {{- if $tls }}
        - { name: tls, mountPath: /etc/tickwire-tls, readOnly: true }
        {{- end }}
        {{- if or $auth.keysFileKey $auth.apiKeysFileKey }}
        - { name: auth, mountPath: /etc/tickwire-auth, readOnly: true }
        {{- end }}
        {{- if and $isMember $nats.credentialsSecret }}
        - { name: nats, mountPath: /etc/tickwire-nats, readOnly: true }
        {{- end }}
        {{- if and $isMember $nats.caSecret }}
        - { name: nats-ca, mountPath: /etc/tickwire-nats-ca, readOnly: true }
        {{- end }}
  volumes:
    - name: config
      configMap: { name: {{ include "tickwire.fullname" $root }}-{{ $component }} }
    {{- if $tls }}
    - name: tls
      secret: { secretName: {{ $tls }}, defaultMode: 0440 }
    {{- end }}
    {{- if or $auth.keysFileKey $auth.apiKeysFileKey }}
    - name: auth
      secret:
        secretName: {{ $auth.existingSecret }}
        defaultMode: 0440
        items:
          {{- range compact (list $auth.keysFileKey $auth.apiKeysFileKey) }}
          - { key: {{ . }}, path: {{ . }} }
          {{- end }}
    {{- end }}
    {{- if and $isMember $nats.credentialsSecret }}
    - name: nats
      secret: { secretName: {{ $nats.credentialsSecret }}, defaultMode: 0440 }
    {{- end }}
    {{- if and $isMember $nats.caSecret }}
    - name: nats-ca
      secret: { secretName: {{ $nats.caSecret }}, defaultMode: 0440 }
    {{- end }}
  {{- if $isMember }}
  # Members on different nodes and zones, as far as there are any.
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "tickwire.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $component }}
    {{- end }}
  {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "tickwire.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}
