/**
 * Splits CSV (RFC 4180) into rows as it streams in: fields may be quoted, quoted fields may hold
 * separators, line breaks and doubled quotes, and a chunk may end anywhere.
 */
export class CsvParser {
  readonly #row: (fields: readonly string[]) => void;
  #rest = '';

  /** @param row called for each row, an empty line excepted */
  constructor(row: (fields: readonly string[]) => void) {
    this.#row = row;
  }

  /** Takes the next piece of text. */
  push(text: string): void {
    const input = this.#rest + text;
    let lineStart = 0;
    let end = lineEnd(input, 0);
    while (end >= 0) {
      this.#line(input.slice(lineStart, end));
      lineStart = end + 1;
      end = lineEnd(input, lineStart);
    }
    this.#rest = input.slice(lineStart);
  }

  /** Takes what is left: a last line without a line break. */
  end(): void {
    this.#line(this.#rest);
    this.#rest = '';
  }

  #line(line: string): void {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text === '') return;
    this.#row(text.includes('"') ? quotedFields(text) : text.split(','));
  }
}

/**
 * Where the line that starts at `from` ends: its line break outside quotes; -1 where it is not
 * complete.
 */
function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  const quote = text.indexOf('"', from);
  if (end < 0 || quote < 0 || quote > end) return end;
  let isQuoted = false;
  for (let i = quote; i < text.length; i++) {
    const char = text[i];
    if (char === '"') isQuoted = !isQuoted;
    else if (char === '\n' && !isQuoted) return i;
  }
  return -1;
}

function quotedFields(line: string): string[] {
  const fields: string[] = [];
  // A field is quoted (with doubled quotes inside) or plain, and a comma or the end follows it.
  const field = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/gy;
  for (let match = field.exec(line); match !== null; match = field.exec(line)) {
    const [, quoted, plain = '', separator] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (separator === '') break;
  }
  return fields;
}
