/*
 * Imported before uPlot, which hands the browser's language to Intl as it loads. In a C or POSIX
 * locale, Chromium's language is no language tag ("en-US@posix"), and Intl throws.
 */

function isLanguageTag(language: string): boolean {
  try {
    return Intl.getCanonicalLocales(language).length > 0;
  } catch {
    return false;
  }
}

if (!isLanguageTag(navigator.language)) {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}

export {};
