/** A log that keeps its messages, each with its level. */
export class LineLog {
  readonly lines: string[] = [];

  info(_fields: object, message: string): void {
    this.lines.push(`info: ${message}`);
  }

  warn(_fields: object, message: string): void {
    this.lines.push(`warn: ${message}`);
  }
}
