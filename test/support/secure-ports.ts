const ports = new Set<number>();

/** Has the clients of tests speak TLS to a port for as long as this process runs. */
export function speakTls(port: number): void {
  ports.add(port);
}

/** Whether there is TLS at a port. */
export function isSecure(port: number): boolean {
  return ports.has(port);
}
