import type uPlot from 'uplot';
import type { AlertEpisode, AlertStep } from '../alerts/alert-episodes.ts';
import type { AlertLevel } from '../alerts/alert-event.ts';
import type { Palette } from '../page/theme.ts';

/** Episodes without a visible length are this wide, and found this near, CSS pixels. */
const WIDTH_MIN = 3;
const NEAR_PX = 6;
/** Height of an episode's bar at the top of the chart, and the space to the next, CSS pixels. */
const BAR = 4;
const GAP = 2;
/** Opacity of what an episode covers: lines stay readable, also where several overlap. */
const SHADE = 0.13;
/** Half the diagonal of the mark of an alert, CSS pixels. */
const HALF = 4.5;

const COLOURS = { warning: 'warn', critical: 'down' } as const satisfies Record<
  AlertLevel,
  keyof Palette
>;

/** The episodes of a span of time, seconds. */
export function episodesIn(
  episodes: readonly AlertEpisode[],
  [from, to]: readonly [from: number, to: number],
): AlertEpisode[] {
  return episodes.filter(
    ({ startTime, endTime = Number.POSITIVE_INFINITY }) =>
      endTime >= from * 1000 && startTime <= to * 1000,
  );
}

/** The episodes at a horizontal place of the plot, CSS pixels. */
export function episodesAt(
  plot: uPlot,
  episodes: readonly AlertEpisode[],
  left: number,
): AlertEpisode[] {
  return episodes.filter(({ startTime, endTime }) => {
    const from = plot.valToPos(startTime / 1000, 'x');
    const to =
      endTime === undefined ? Number.POSITIVE_INFINITY : plot.valToPos(endTime / 1000, 'x');
    return left >= from - NEAR_PX && left <= to + NEAR_PX;
  });
}

/** The prices that are marked from a time on, seconds. */
export function alertPrices(episodes: readonly AlertEpisode[], from: number): number[] {
  const steps = episodes.flatMap((episode) => episode.steps.filter(isMarked));
  return steps.filter(({ time }) => time >= from * 1000).map(({ price }) => price);
}

/** A part of an episode on one level, ms since the epoch. */
interface LevelSpan {
  readonly level: AlertLevel;
  readonly from: number;
  /** Undefined: until now. */
  readonly to: number | undefined;
}

/** The parts of an episode: it gets worse, never better. */
export function levelSpans({ startTime, endTime, level, steps }: AlertEpisode): LevelSpan[] {
  const worse = steps.find((step) => step.level === 'critical');
  // A step that is not known any more was on the level of the first that is.
  if (level === 'warning' || worse === undefined || worse === steps[0]) {
    return [{ level, from: startTime, to: endTime }];
  }
  return [
    { level: 'warning', from: startTime, to: worse.time },
    { level, from: worse.time, to: endTime },
  ];
}

/** Shades what episodes cover, with a bar on top: a row a rule. */
export function drawEpisodeSpans(
  plot: uPlot,
  episodes: readonly AlertEpisode[],
  palette: Palette,
): void {
  const rules = [...new Set(episodes.map(({ rule }) => rule))].sort();
  clipped(plot, (ratio) => {
    const { ctx, bbox } = plot;
    for (const episode of episodes) {
      const row = rules.indexOf(episode.rule);
      const top = bbox.top + row * (BAR + GAP) * ratio;
      for (const { level, from, to } of levelSpans(episode)) {
        const left = plot.valToPos(from / 1000, 'x', true);
        const right =
          to === undefined ? bbox.left + bbox.width : plot.valToPos(to / 1000, 'x', true);
        const width = Math.max(WIDTH_MIN * ratio, right - left);
        ctx.fillStyle = palette[COLOURS[level]];
        ctx.globalAlpha = SHADE;
        ctx.fillRect(left, bbox.top, width, bbox.height);
        ctx.globalAlpha = 1;
        ctx.fillRect(left, top, width, BAR * ratio);
      }
    }
  });
}

/** Marks the start of each episode and each step further at its price. */
export function drawEpisodeMarks(
  plot: uPlot,
  episodes: readonly AlertEpisode[],
  palette: Palette,
): void {
  clipped(plot, (ratio) => {
    const { ctx } = plot;
    ctx.lineWidth = ratio;
    ctx.strokeStyle = palette.surface;
    for (const { steps } of episodes) {
      for (const step of steps) if (isMarked(step)) mark(plot, step, ratio, palette);
    }
  });
}

function isMarked({ phase }: AlertStep): boolean {
  return phase !== 'end';
}

function mark(plot: uPlot, { level, time, price }: AlertStep, ratio: number, palette: Palette) {
  const { ctx } = plot;
  const x = plot.valToPos(time / 1000, 'x', true);
  const y = plot.valToPos(price, 'y', true);
  const half = HALF * ratio;
  ctx.beginPath();
  ctx.moveTo(x, y - half);
  ctx.lineTo(x + half, y);
  ctx.lineTo(x, y + half);
  ctx.lineTo(x - half, y);
  ctx.closePath();
  ctx.fillStyle = palette[COLOURS[level]];
  ctx.fill();
  ctx.stroke();
}

/** Draws inside the plot's box. `draw` gets the pixels of a CSS pixel. */
function clipped({ ctx, bbox }: uPlot, draw: (ratio: number) => void): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(devicePixelRatio);
  ctx.restore();
}
