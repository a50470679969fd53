/*
 * Kubernetes and Docker set variables in a container for each service that it can reach. A service
 * named tickwire, tickwire-server and so on has ours as prefix: these are no settings.
 */

const URL = /^(?:tcp|udp|sctp):\/\/\S+$/;
const PORT = /^\d+$/;
const ADDRESS = /^[0-9A-Fa-f.:]+$|^None$/;
const ANY = /^/;

/** Names and the values that they have. Ranges of ports (`_START`, `_END`) are Docker's. */
const LINKS: readonly (readonly [RegExp, RegExp])[] = [
  [/^TICKWIRE_(?:\w+_)?SERVICE_HOST$/, ADDRESS],
  [/^TICKWIRE_(?:\w+_)?SERVICE_PORT(?:_\w+)?$/, PORT],
  [/^TICKWIRE_(?:\w+_)?PORT$/, URL],
  [/^TICKWIRE_(?:\w+_)?PORT_\d+_(?:TCP|UDP|SCTP)(?:_START|_END)?$/, URL],
  [/^TICKWIRE_(?:\w+_)?PORT_\d+_(?:TCP|UDP|SCTP)_PROTO$/, /^(?:tcp|udp|sctp)$/],
  [/^TICKWIRE_(?:\w+_)?PORT_\d+_(?:TCP|UDP|SCTP)_PORT(?:_START|_END)?$/, PORT],
  [/^TICKWIRE_(?:\w+_)?PORT_\d+_(?:TCP|UDP|SCTP)_ADDR$/, ADDRESS],
  [/^TICKWIRE_(?:\w+_)?NAME$/, /^\/\S+\/\S+$/],
  [/^TICKWIRE_(?:\w+_)?ENV_\w+$/, ANY],
];

/**
 * Whether a variable describes a service named like us.
 *
 * Sources: kubernetes.io, "Service: environment variables"; docs.docker.com, "Legacy container
 * links".
 */
export function isServiceLink(variable: string, value: string): boolean {
  return LINKS.some(([name, values]) => name.test(variable) && values.test(value));
}

/** Tells that a service link overwrote a variable of ours, and the remedy; else empty. */
export function explainServiceLink(variable: string, value: string): string {
  if (!isServiceLink(variable, value)) return '';
  const service = variable
    .replace(/_PORT$/, '')
    .toLowerCase()
    .replaceAll('_', '-');
  return (
    `: Kubernetes sets it for a Service named ${service} (Docker, for a link). Set ` +
    'enableServiceLinks: false in the pod, or rename the Service'
  );
}
