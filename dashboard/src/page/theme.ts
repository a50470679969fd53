const STORED_AS = 'tickwire.theme';

/** Light, dark or the system's theme; remembered by the browser. */
export class Theme {
  #changed: (palette: Palette) => void = () => undefined;
  palette: Palette;

  constructor(select: HTMLSelectElement) {
    select.value = stored();
    this.#show(select.value);
    this.palette = readPalette();
    select.addEventListener('change', () => {
      store(select.value);
      this.#show(select.value);
      this.#tell();
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#tell());
  }

  /** Sets the listener for changes. */
  onChange(changed: (palette: Palette) => void): void {
    this.#changed = changed;
  }

  #show(theme: string): void {
    if (theme === 'system') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.dataset.theme = theme;
  }

  #tell(): void {
    this.palette = readPalette();
    this.#changed(this.palette);
  }
}

// The browser may forbid storage: then the choice lasts until the page is reloaded.

function stored(): string {
  try {
    const theme = localStorage.getItem(STORED_AS);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}

function store(theme: string): void {
  try {
    localStorage.setItem(STORED_AS, theme);
  } catch {
    // As above.
  }
}

/** The colours for canvases in the current theme. */
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

/** Reads the colours of the current theme: a canvas cannot use custom properties. */
function readPalette(): Palette {
  const probe = document.createElement('span');
  document.body.append(probe);
  const colours = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color] as const;
  });
  probe.remove();
  return Object.fromEntries(colours) as unknown as Palette;
}
