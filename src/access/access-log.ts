/** Where this folder writes: a logger of pino is one. */
export interface AccessLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}
