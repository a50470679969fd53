import { findPart, setFlag, setText, span } from '../page/dom.ts';
import { formatClock, formatCount, formatDay } from '../page/format.ts';
import type { RuleRecord, RulesInForce, RuleThreshold } from './rule-record.ts';

/** A file to begin with. */
const EXAMPLE = {
  rules: [
    {
      name: 'flash',
      kind: 'spike',
      symbols: ['*'],
      windowMs: 1000,
      warning: '2%',
      critical: '5%',
      episode: { cooldownMs: 30_000 },
    },
  ],
};

const COUNTS = [
  ['open', 'Open', 'Episodes open now'],
  ['started', 'Started', 'Episodes started since the start of the server'],
  ['suppressed', 'Suppressed', 'Starts that a cool-down covered'],
  ['failed', 'Errors', 'Symbols that the module threw for: the rule is off for them'],
] as const;

/** The rules in force, and what they have done. */
export class RulesPage {
  readonly #list: HTMLElement;
  readonly #note: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #stale: HTMLElement;
  readonly #refused: HTMLElement;
  readonly #chosen: (rule: string) => void;
  #cards: readonly RuleCard[] = [];
  #shown: string | undefined;

  /** @param chosen called to show the alerts of a rule */
  constructor(root: HTMLElement, chosen: (rule: string) => void) {
    this.#chosen = chosen;
    this.#list = findPart(root, 'rule-list', HTMLElement);
    this.#note = findPart(root, 'rules-note', HTMLElement);
    this.#empty = findPart(root, 'rules-empty', HTMLElement);
    this.#stale = findPart(root, 'rules-stale', HTMLElement);
    this.#refused = findPart(root, 'rules-refused', HTMLElement);
    setText(findPart(root, 'rules-example', HTMLElement), JSON.stringify(EXAMPLE, null, 2));
  }

  show(rules: RulesInForce): void {
    const { since, version, refused, items } = rules;
    const shown = `${since} ${version}`;
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#cards = items.map((rule) => new RuleCard(rule, this.#chosen));
      this.#list.replaceChildren(...this.#cards.map(({ element }) => element));
      setText(this.#note, since === null ? '' : noteOf(since, version, items.length));
      this.#empty.hidden = items.length > 0;
    }
    items.forEach((rule, index) => {
      this.#cards[index]?.showCounts(rule);
    });
    this.#refused.hidden = refused === null;
    if (refused !== null) setText(this.#refused, `The file is refused as it is now: ${refused}`);
  }

  /** Shows since when answers have been missing; undefined: they are not. */
  setFailing(sinceMs: number | undefined): void {
    this.#stale.hidden = sinceMs === undefined;
    setFlag(this.#list, 'data-stale', sinceMs !== undefined);
    if (sinceMs === undefined) return;
    setText(this.#stale, `No answer since ${formatClock(sinceMs)}: these are the last figures.`);
  }
}

function noteOf(since: string, version: string | null, count: number): string {
  const rules = count === 1 ? '1 rule' : `${count} rules`;
  return `${rules}, since ${formatDay(Date.parse(since))}, version ${version}`;
}

/** One rule. */
class RuleCard {
  readonly element = document.createElement('li');
  readonly #counts = new Map<string, HTMLElement>();

  constructor(
    { name, kind, symbols, settings, meaning }: RuleRecord,
    chosen: (rule: string) => void,
  ) {
    this.element.className = 'rule-card';
    this.element.dataset.rule = name;
    const title = document.createElement('h3');
    title.textContent = name;
    const head = document.createElement('div');
    head.className = 'rule-head';
    head.append(title, text('rule-kind', kind), ...levelsOf(settings));
    const applies = document.createElement('p');
    applies.className = 'rule-symbols';
    applies.append('for ', ...symbols.flatMap((pattern, i) => [i > 0 ? ', ' : '', code(pattern)]));
    const about = document.createElement('div');
    about.className = 'rule-about';
    about.append(head, applies);
    this.element.append(about, meaningOf(meaning), this.#countsOf(name, chosen));
  }

  showCounts(rule: RuleRecord): void {
    for (const [key] of COUNTS) {
      const element = this.#counts.get(key);
      if (element === undefined) continue;
      setText(element, formatCount(rule[key]));
      const isMarked = rule[key] > 0 && (key === 'open' || key === 'failed');
      setFlag(element, 'data-marked', isMarked);
    }
  }

  #countsOf(name: string, chosen: (rule: string) => void): HTMLElement {
    const element = document.createElement('div');
    element.className = 'rule-done';
    const list = document.createElement('dl');
    for (const [key, label, hint] of COUNTS) {
      const term = document.createElement('dt');
      const value = document.createElement('dd');
      term.textContent = label;
      term.title = hint;
      value.dataset.count = key;
      const pair = document.createElement('div');
      pair.append(term, value);
      list.append(pair);
      this.#counts.set(key, value);
    }
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Show alerts';
    button.ariaLabel = `Show alerts of ${name}`;
    button.addEventListener('click', () => chosen(name));
    element.append(list, button);
    return element;
  }
}

function levelsOf({ warning, critical }: RuleRecord['settings']): HTMLElement[] {
  const given = { warning, critical };
  return (['warning', 'critical'] as const).flatMap((level) => {
    const threshold = given[level];
    if (threshold === undefined) return [];
    const element = text('level', `${level} ${amountOf(threshold)}`);
    element.dataset.level = level;
    return [element];
  });
}

function amountOf({ unit, value }: RuleThreshold): string {
  if (unit === 'plain') return `${value}`;
  return unit === 'percent' ? `${value} %` : `${value} σ`;
}

function meaningOf(sentences: readonly string[]): HTMLElement {
  const list = document.createElement('ul');
  list.className = 'rule-meaning';
  for (const sentence of sentences) {
    const item = document.createElement('li');
    item.textContent = sentence;
    list.append(item);
  }
  return list;
}

function text(className: string, content: string): HTMLElement {
  const element = span(className);
  element.textContent = content;
  return element;
}

function code(pattern: string): HTMLElement {
  const element = document.createElement('code');
  element.textContent = pattern;
  return element;
}
