import { type Palette, readPalette } from './palette.ts';

const STORED_AS = 'tickwire.theme';

/** Light, dark, or as the system has it; remembered in this browser. */
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

  /** Tells one listener of every change from now on. */
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

// A browser may forbid storage: then the choice lasts as long as the page.

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
