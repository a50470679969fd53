/** The colours that canvases draw with, as they are in the present theme. */
export interface Palette {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly grid: string;
  readonly surface: string;
  readonly raised: string;
  readonly accent: string;
  readonly warn: string;
  readonly up: string;
  readonly down: string;
}

const NAMES = [
  'text',
  'muted',
  'line',
  'grid',
  'surface',
  'raised',
  'accent',
  'warn',
  'up',
  'down',
] as const satisfies readonly (keyof Palette)[];

/** Reads the colours of the present theme: a canvas cannot name a custom property. */
export function readPalette(): Palette {
  const probe = document.createElement('span');
  document.body.append(probe);
  const colours = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color] as const;
  });
  probe.remove();
  return Object.fromEntries(colours) as unknown as Palette;
}
