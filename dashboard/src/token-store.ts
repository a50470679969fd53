const STORED_AS = 'tickwire.token';

/** Keeps the token for as long as the tab is open, and nowhere else. */
export class TokenStore {
  read(): string | undefined {
    try {
      return sessionStorage.getItem(STORED_AS) ?? undefined;
    } catch {
      // A browser may forbid storage: then a token lasts until the page is loaded again.
      return undefined;
    }
  }

  keep(token: string): void {
    try {
      sessionStorage.setItem(STORED_AS, token);
    } catch {
      // As above.
    }
  }

  forget(): void {
    try {
      sessionStorage.removeItem(STORED_AS);
    } catch {
      // As above.
    }
  }
}
