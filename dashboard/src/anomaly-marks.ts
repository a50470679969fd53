import type uPlot from 'uplot';
import type { AnomalyMove } from './anomaly-moves.ts';
import type { Palette } from './palette.ts';

/** Half the width of a mark, and its distance from the price, CSS pixels. */
const HALF = 5;
const GAP = 4;

/** Draws a triangle at each move: above the price and upwards, or below it and downwards. */
export function drawAnomalyMarks(
  plot: uPlot,
  moves: Iterable<AnomalyMove>,
  palette: Palette,
): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = ratio;
  ctx.strokeStyle = palette.surface;
  for (const { extreme, direction } of moves) {
    const x = plot.valToPos(extreme.time / 1000, 'x', true);
    if (x < bbox.left - HALF * ratio) continue;
    const sign = direction === 'up' ? -1 : 1;
    const base = plot.valToPos(extreme.to, 'y', true) + sign * GAP * ratio;
    ctx.beginPath();
    ctx.moveTo(x - HALF * ratio, base);
    ctx.lineTo(x + HALF * ratio, base);
    ctx.lineTo(x, base + sign * 1.7 * HALF * ratio);
    ctx.closePath();
    ctx.fillStyle = palette[direction];
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}
