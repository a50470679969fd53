import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A call that writes a line of level warn or above. */
export interface LogCall {
  readonly file: string;
  readonly level: 'warn' | 'error' | 'fatal';
  /** With … for what differs from line to line; undefined where the text comes from elsewhere. */
  readonly message: string | undefined;
  /** The message's expression, as it is written. */
  readonly source: string;
}

/** Calls of a log; texts collected for one (`warnings.push`, `const warning`); #warn in feeds. */
const CALL = new RegExp(
  [
    /(?:\blog|#log)\.(warn|error|fatal)\(/,
    /\bwarnings\.push\(/,
    /#(warn)\(/,
    /\bconst warning =(?=\s*['`])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/** The calls in all sources of the server and of the feed. */
export function logCalls(): readonly LogCall[] {
  return ['src', 'feeds'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const file = join(folder, name);
        return logCallsIn(readFileSync(join(ROOT, file), 'utf8'), file);
      }),
  );
}

/** The calls in one source. */
export function logCallsIn(text: string, file: string): readonly LogCall[] {
  const calls: LogCall[] = [];
  for (const match of text.matchAll(CALL)) {
    const start = match.index + match[0].length;
    const isDeclared = /^(?:\w+\??: [\w{<]|\))/.test(text.slice(start));
    // A declaration of such a method, and the reports of others passed on.
    if (isDeclared) continue;
    const source = lastArgument(text, start).trim();
    if (source.startsWith('...')) continue;
    const literal = /^\w+$/.test(source) ? constantBefore(text, match.index, source) : source;
    const level = (match[1] ?? match[2] ?? 'warn') as LogCall['level'];
    calls.push({ file, level, source, message: literalText(literal) });
  }
  return calls;
}

/** The last argument of a call, or a statement's expression, from its first character on. */
function lastArgument(text: string, start: number): string {
  let depth = 0;
  let last = start;
  let at = start;
  for (; at < text.length; at++) {
    const char = text[at] as string;
    if (char === "'" || char === '`') at = endOfText(text, at);
    else if ('([{'.includes(char)) depth += 1;
    else if (')]}'.includes(char)) {
      if (depth === 0) break;
      depth -= 1;
    } else if (char === ';' && depth === 0) break;
    else if (char === ',' && depth === 0 && text.slice(at + 1).trimStart()[0] !== ')')
      last = at + 1;
  }
  return text.slice(last, at).replace(/,\s*$/, '');
}

/** Where a quoted text ends, which begins at `at`. */
function endOfText(text: string, at: number): number {
  const quote = text[at];
  let end = at + 1;
  while (text[end] !== quote) {
    if (text[end] === '\\') end += 1;
    else if (quote === '`' && text.startsWith('${', end)) {
      for (let depth = 1, from = end + 2; depth > 0; from++) {
        if (text[from] === '{') depth += 1;
        if (text[from] === '}') depth -= 1;
        end = from;
      }
    }
    end += 1;
  }
  return end;
}

/** The text given to a constant above. */
function constantBefore(text: string, before: number, name: string): string {
  const pattern = new RegExp(
    `const ${name} =\\s*((?:'[^']*'|\`[^\`]*\`)(?:\\s*\\+\\s*(?:'[^']*'|\`[^\`]*\`))*);`,
    'g',
  );
  return [...text.slice(0, before).matchAll(pattern)].at(-1)?.[1] ?? name;
}

/** The value of literals joined by +; undefined for any other expression. */
function literalText(source: string): string | undefined {
  const literal = /'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g;
  if (source.replace(literal, '').replace(/[\s+]/g, '') !== '') return undefined;
  const text = [...source.matchAll(literal)]
    .map(([, plain, template]) => plain ?? withoutValues(template as string))
    .join('');
  // Nothing but values.
  return /^[…\s]*$/.test(text) ? undefined : text;
}

/** What is added to the last line of many is left out. */
function withoutValues(template: string): string {
  return template.replace(/\$\{rest\}/g, '').replace(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '…');
}
