import { expect, test } from 'vitest';
import { fc } from '../../testkit/fast-check.ts';
import { moveCursor, scrollToShow, windowAt } from '../src/symbols/virtual-window.ts';

test('the window has every visible row and few others', () => {
  const place = fc.record({
    scrollTop: fc.integer({ min: -50, max: 400_000 }),
    viewHeight: fc.integer({ min: 0, max: 2000 }),
    rowHeight: fc.integer({ min: 10, max: 60 }),
    count: fc.integer({ min: 0, max: 10_000 }),
    overscan: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(place, ({ scrollTop, viewHeight, rowHeight, count, overscan }) => {
      const { start, end } = windowAt(scrollTop, viewHeight, rowHeight, count, overscan);
      expect(start).toBeGreaterThanOrEqual(0);
      expect(end).toBeLessThanOrEqual(count);
      expect(start).toBeLessThanOrEqual(end);
      expect(end - start).toBeLessThanOrEqual(viewHeight / rowHeight + 2 + 2 * overscan);
      const top = Math.max(0, scrollTop);
      for (let y = top; y < Math.min(top + viewHeight, count * rowHeight); y += rowHeight) {
        expect(Math.floor(y / rowHeight)).toBeGreaterThanOrEqual(start);
        expect(Math.floor(y / rowHeight)).toBeLessThan(end);
      }
    }),
  );
});

test('scrolls just far enough to show a whole row', () => {
  expect(scrollToShow(3, 0, 300, 30)).toBe(0);
  expect(scrollToShow(10, 0, 300, 30)).toBe(30);
  expect(scrollToShow(2, 90, 300, 30)).toBe(60);
});

test('keys move the cursor, never past the ends', () => {
  expect(moveCursor('ArrowDown', -1, 100, 10)).toBe(0);
  expect(moveCursor('ArrowDown', 99, 100, 10)).toBe(99);
  expect(moveCursor('ArrowUp', 0, 100, 10)).toBe(0);
  expect(moveCursor('PageDown', 5, 100, 10)).toBe(15);
  expect(moveCursor('PageUp', 5, 100, 10)).toBe(0);
  expect(moveCursor('Home', 50, 100, 10)).toBe(0);
  expect(moveCursor('End', 50, 100, 10)).toBe(99);
  expect(moveCursor('Tab', 50, 100, 10)).toBeUndefined();
  expect(moveCursor('End', -1, 0, 10)).toBeUndefined();
});
