import * as z from 'zod';
import { ConfigError, createSuggester, showValue, truncate } from '../src/config/faults.ts';
import { jsonErrorPosition } from '../src/config/json-error.ts';
import { validateSymbol } from '../src/protocol/index.ts';
import type { Credentials } from './connection/venue-connection.ts';
import type { Venue, VenueFactory } from './venue.ts';

/** One feed, checked. */
export interface FeedSettings {
  /** Also the name of its publisher. */
  readonly name: string;
  readonly venue: Venue;
  /** Instead of the venue's; undefined: the venue's. */
  readonly url: string | undefined;
  /** As the venue writes them. */
  readonly symbols: readonly string[];
  /** What each is published as. */
  readonly published: ReadonlyMap<string, string>;
  readonly staleAfterMs: number;
  /** Undefined: the venue's. */
  readonly rotateAfterMs: number | undefined;
  readonly bufferTicksMax: number;
  readonly credentials: Credentials | undefined;
}

/** A key of a feed: its type, and what it is, as a phrase after "expected". */
interface Field {
  readonly type: z.ZodType;
  readonly expected: string;
  readonly isRequired?: true;
}

const TIMER_MS_MAX = 30 * 24 * 3_600_000;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const text = z.string().min(1);

const FIELDS = {
  name: {
    type: z.string().regex(NAME),
    expected: '1 to 64 characters of A-Z a-z 0-9 . _ -',
    isRequired: true,
  },
  venue: { type: text, expected: 'the id of a venue', isRequired: true },
  url: {
    type: z.string().refine(isSafeUrl),
    expected: 'a wss: URL; ws: for loopback only',
  },
  symbols: {
    type: z.array(text).min(1),
    expected: 'a list of symbols as the venue writes them',
    isRequired: true,
  },
  rename: {
    type: z.record(text, text),
    expected: 'an object of symbols: what each is published as',
  },
  price: { type: z.enum(['trade', 'aggregate']), expected: 'trade or aggregate' },
  conditions: { type: z.enum(['last-eligible', 'all']), expected: 'last-eligible or all' },
  staleAfterMs: {
    type: z.int().min(100).max(TIMER_MS_MAX),
    expected: `an integer from 100 to ${TIMER_MS_MAX}`,
  },
  rotateAfterMs: {
    type: z
      .int()
      .min(100)
      .max(TIMER_MS_MAX * 6),
    expected: `an integer from 100 to ${TIMER_MS_MAX * 6}`,
  },
  bufferTicksMax: {
    type: z.int().min(1024).max(16_777_216),
    expected: 'an integer from 1024 to 16777216',
  },
  keyEnv: { type: z.string().regex(VARIABLE), expected: 'the name of a variable' },
  secretEnv: { type: z.string().regex(VARIABLE), expected: 'the name of a variable' },
} as const satisfies Record<string, Field>;

/** A feed as written, when all its keys are of their types. */
interface WrittenFeed {
  readonly name: string;
  readonly venue: string;
  readonly url?: string;
  readonly symbols: readonly string[];
  readonly rename?: Readonly<Record<string, string>>;
  readonly price?: 'trade' | 'aggregate';
  readonly conditions?: 'last-eligible' | 'all';
  readonly staleAfterMs?: number;
  readonly rotateAfterMs?: number;
  readonly bufferTicksMax?: number;
  readonly keyEnv?: string;
  readonly secretEnv?: string;
}

const STALE_AFTER_MS = 60_000;
/** A minute of 4,000 trades a second; 5 MB. */
const BUFFER_TICKS_MAX = 262_144;

const suggestKey = createSuggester(Object.keys(FIELDS));

/**
 * Reads the text of a configuration of feeds.
 *
 * @param file its name, for messages
 * @throws ConfigError naming every fault
 */
export function parseFeedConfig(
  json: string,
  file: string,
  venues: ReadonlyMap<string, VenueFactory>,
  env: Readonly<Record<string, string | undefined>>,
): readonly FeedSettings[] {
  const unmarked = json.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(unmarked);
  } catch {
    throw new ConfigError([`${file}: not JSON at ${jsonErrorPosition(unmarked)}`]);
  }
  const faults: string[] = [];
  const fault = (place: string, message: string) => faults.push(`${file}: ${place}${message}`);
  const settings: FeedSettings[] = [];
  for (const [at, feed] of readFeeds(value, fault).entries()) {
    const place = `feeds[${at}]`;
    const written = checkFields(feed, place, fault);
    const made = written && settle(written, place, venues, env, fault);
    if (made !== undefined) settings.push(made);
  }
  checkTogether(settings, fault);
  if (faults.length > 0) throw new ConfigError(faults);
  return settings;
}

type Fault = (place: string, message: string) => void;

function readFeeds(value: unknown, fault: Fault): readonly unknown[] {
  if (!isObject(value)) {
    fault('', `expected an object with the key feeds, got ${showValue(value)}`);
    return [];
  }
  for (const key of Object.keys(value)) {
    if (key !== 'feeds') fault('', `unknown key ${truncate(key)}`);
  }
  if (Array.isArray(value.feeds) && value.feeds.length > 0) return value.feeds;
  fault('feeds: ', `expected a list of feeds, got ${showValue(value.feeds)}`);
  return [];
}

function checkFields(feed: unknown, place: string, fault: Fault): WrittenFeed | undefined {
  if (!isObject(feed)) {
    fault(`${place}: `, `expected an object, got ${showValue(feed)}`);
    return undefined;
  }
  let isSound = true;
  const refuse = (at: string, message: string) => {
    isSound = false;
    fault(at, message);
  };
  for (const key of Object.keys(feed)) {
    if (Object.hasOwn(FIELDS, key)) continue;
    refuse(`${place}: `, `unknown key ${truncate(key)}${suggestKey(key)}`);
  }
  for (const [key, field] of Object.entries(FIELDS) as [string, Field][]) {
    const value = feed[key];
    if (value === undefined && field.isRequired !== true) continue;
    if (field.type.safeParse(value).success) continue;
    const got = value === undefined ? 'nothing' : showValue(value);
    refuse(`${place}.${key}: `, `expected ${field.expected}, got ${got}`);
  }
  return isSound ? (feed as unknown as WrittenFeed) : undefined;
}

function settle(
  feed: WrittenFeed,
  place: string,
  venues: ReadonlyMap<string, VenueFactory>,
  env: Readonly<Record<string, string | undefined>>,
  fault: Fault,
): FeedSettings | undefined {
  const factory = venues.get(feed.venue);
  if (factory === undefined) {
    const ids = [...venues.keys()];
    const hint = createSuggester(ids)(feed.venue) || `; known: ${ids.join(', ')}`;
    fault(`${place}.venue: `, `unknown venue ${showValue(feed.venue)}${hint}`);
    return undefined;
  }
  const { price = 'trade', conditions = 'last-eligible' } = feed;
  const venue = factory({ price, conditions });
  return {
    name: feed.name,
    venue,
    url: feed.url,
    symbols: feed.symbols,
    published: publishedNames(feed, venue, place, fault),
    staleAfterMs: feed.staleAfterMs ?? STALE_AFTER_MS,
    rotateAfterMs: feed.rotateAfterMs,
    bufferTicksMax: feed.bufferTicksMax ?? BUFFER_TICKS_MAX,
    credentials: readCredentials(feed, venue, place, env, fault),
  };
}

function publishedNames(
  { symbols, rename = {} }: WrittenFeed,
  venue: Venue,
  place: string,
  fault: Fault,
): ReadonlyMap<string, string> {
  const prefix = `${venue.id.toUpperCase()}:`;
  const published = new Map<string, string>();
  const unused = new Set(Object.keys(rename));
  for (const [at, symbol] of symbols.entries()) {
    const where = `${place}.symbols[${at}]: `;
    if (published.has(symbol)) fault(where, `${showValue(symbol)} is listed twice`);
    const full = prefix + symbol;
    const key = [symbol, full].find((each) => Object.hasOwn(rename, each));
    if (key !== undefined) unused.delete(key);
    const name = key === undefined ? full : (rename[key] as string);
    const unfit = validateSymbol(name);
    if (unfit !== undefined) {
      const hint = key === undefined ? ': give it another name with "rename"' : '';
      fault(where, `it is published as ${showValue(name)}, which ${unfit}${hint}`);
    }
    published.set(symbol, name);
  }
  for (const key of unused) fault(`${place}.rename: `, `${showValue(key)} is not in symbols`);
  return published;
}

/** The key and secret of a venue that asks for them. */
function readCredentials(
  { keyEnv, secretEnv }: WrittenFeed,
  venue: Venue,
  place: string,
  env: Readonly<Record<string, string | undefined>>,
  fault: Fault,
): Credentials | undefined {
  if (venue.login === undefined) return undefined;
  if (keyEnv === undefined) {
    fault(`${place}.keyEnv: `, `${venue.id} needs a key: name the variable that holds it`);
    return undefined;
  }
  const [key, secret] = [keyEnv, secretEnv].map((name) =>
    name === undefined ? '' : env[name]?.trim(),
  );
  if (!key) fault(`${place}.keyEnv: `, `the variable ${keyEnv} is not set`);
  if (secret === undefined || (secretEnv !== undefined && secret === '')) {
    fault(`${place}.secretEnv: `, `the variable ${secretEnv} is not set`);
  }
  if (!key || secret === undefined) return undefined;
  const colon = key.indexOf(':');
  if (secretEnv === undefined && colon > 0) {
    return { key: key.slice(0, colon), secret: key.slice(colon + 1) };
  }
  return { key, secret };
}

function checkTogether(feeds: readonly FeedSettings[], fault: Fault): void {
  const names = new Set<string>();
  const publishers = new Map<string, string>();
  for (const { name, published } of feeds) {
    if (names.has(name)) fault('', `two feeds are named ${name}`);
    names.add(name);
    const own = new Set<string>();
    for (const symbol of published.values()) {
      const other = own.has(symbol) ? name : publishers.get(symbol);
      if (other !== undefined) {
        const who = other === name ? `${name} publishes` : `${other} and ${name} both publish`;
        fault('', `${who} ${showValue(symbol)}${other === name ? ' twice' : ''}`);
      }
      own.add(symbol);
      publishers.set(symbol, name);
    }
  }
}

/** Whether what passes cannot be read or changed on the way: TLS, or the machine itself. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  if (protocol === 'wss:') return true;
  return protocol === 'ws:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
