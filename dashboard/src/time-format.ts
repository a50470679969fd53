import { NONE } from './number-format.ts';

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** The time of day, here: 14:03:22. */
export function formatClock(timeMs: number): string {
  return Number.isNaN(timeMs) ? NONE : clock.format(timeMs);
}

/** The time of day to the millisecond: 14:03:22.417. */
export function formatPreciseClock(timeMs: number): string {
  if (Number.isNaN(timeMs)) return NONE;
  const ms = Math.floor(((timeMs % 1000) + 1000) % 1000);
  return `${clock.format(timeMs)}.${String(ms).padStart(3, '0')}`;
}

/** How long ago: now, 12 s, 3 min, 5 h, 9 d. Clocks that differ a little never show the future. */
export function formatAge(ageMs: number): string {
  if (Number.isNaN(ageMs)) return NONE;
  const seconds = Math.floor(ageMs / 1000);
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A length of time with its two greatest parts: 42 s, 3 min 12 s, 5 h 20 min, 2 d 4 h. */
export function formatDuration(totalSeconds: number): string {
  const seconds = Math.max(0, Math.floor(totalSeconds));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
