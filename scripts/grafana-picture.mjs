// The page of a dashboard: its panels on Grafana's grid, drawn from the answers of Prometheus. A
// likeness that shows what each query answers, not Grafana itself.

/** Of Grafana's grid: columns, and the pixels of a row with its gap. */
const COLUMNS = 24;
const ROW_PX = 34;
const COLUMN_PX = 60;
const GAP_PX = 8;
const AXIS_PX = 58;
const LEGEND_MAX = 4;
const COLORS = ['#73bf69', '#f2cc0c', '#5794f2', '#ff9830', '#f2495c', '#b877d9', '#8ab8ff'];
const THRESHOLDS = { blue: '#1f60c4', green: '#37872d', red: '#c4162a', orange: '#e0752d' };

const NOTE = 'drawn from the dashboard’s JSON and answers of Prometheus; not Grafana itself';

const escaped = (text) =>
  String(text).replace(/[&<>]/g, (each) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[each]);

/** A number with the prefix that leaves one to three digits before the point. */
function scaled(value, factor, prefixes) {
  let index = 0;
  let rest = value;
  while (Math.abs(rest) >= factor && index < prefixes.length - 1) {
    rest /= factor;
    index += 1;
  }
  return `${Number(rest.toPrecision(3))}${prefixes[index]}`;
}

function seconds(value) {
  if (value === 0) return '0 s';
  if (value < 1e-3) return `${Number((value * 1e6).toPrecision(3))} µs`;
  if (value < 1) return `${Number((value * 1e3).toPrecision(3))} ms`;
  return value < 120
    ? `${Number(value.toPrecision(3))} s`
    : `${Number((value / 60).toPrecision(3))} min`;
}

const UNITS = {
  short: (value) => scaled(value, 1000, ['', ' K', ' M', ' G']),
  bytes: (value) => scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB']),
  Bps: (value) => `${scaled(value, 1000, [' B', ' kB', ' MB', ' GB'])}/s`,
  cps: (value) => `${scaled(value, 1000, ['', ' K', ' M'])} c/s`,
  cpm: (value) => `${scaled(value, 1000, ['', ' K', ' M'])} c/m`,
  percentunit: (value) => `${Number((value * 100).toPrecision(3))} %`,
  s: seconds,
};

/** @throws Error for a unit that is not known: a number without its unit would mislead */
function unitOf({ fieldConfig }) {
  const { unit } = fieldConfig.defaults;
  const format = UNITS[unit];
  if (format === undefined) throw new Error(`no such unit: ${unit}`);
  return format;
}

/** Fills in the labels, as Grafana does. */
function nameOf({ legendFormat }, { metric }) {
  return legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');
}

function stat(panel, answers) {
  const last = answers[0]?.[0]?.values.at(-1)?.[1];
  if (last === undefined) return '<div class="none">No data</div>';
  const value = Number(last);
  const { thresholds, mappings = [] } = panel.fieldConfig.defaults;
  const step = thresholds.steps.findLast((each) => each.value === null || value >= each.value);
  const mapped = mappings.find(({ options }) => options[last] !== undefined)?.options[last].text;
  const color = THRESHOLDS[step.color] ?? step.color;
  const text = mapped ?? unitOf(panel)(value);
  return `<div class="value" style="background:${color}">${escaped(text)}</div>`;
}

function chart(panel, answers, { from, to }) {
  const series = answers.flatMap((results, i) =>
    results.map((result) => ({
      name: nameOf(panel.targets[i], result),
      points: result.values
        .map(([time, text]) => [time, Number(text)])
        .filter(([, value]) => Number.isFinite(value)),
    })),
  );
  const shown = series.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return '<div class="none">No data</div>';
  const width = panel.gridPos.w * COLUMN_PX - 2 * GAP_PX - AXIS_PX;
  const height = panel.gridPos.h * ROW_PX - 96;
  const values = shown.flatMap(({ points }) => points.map(([, value]) => value));
  const top = Math.max(...values) * 1.1 || 1;
  const x = (time) => AXIS_PX + ((time - from) / (to - from)) * width;
  const y = (value) => 6 + height - (value / top) * height;
  const format = unitOf(panel);
  const grid = [0, 0.5, 1].map((part) => {
    const at = y(part * top);
    const label = `<text x="${AXIS_PX - 6}" y="${at + 4}">${escaped(format(part * top))}</text>`;
    return `<line x1="${AXIS_PX}" x2="${AXIS_PX + width}" y1="${at}" y2="${at}"/>${label}`;
  });
  const lines = shown.map(({ points }, i) => {
    const path = points.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline points="${path.join(' ')}" stroke="${COLORS[i % COLORS.length]}"/>`;
  });
  const names = shown.slice(0, LEGEND_MAX).map(({ name }, i) => {
    return `<span><i style="background:${COLORS[i]}"></i>${escaped(name)}</span>`;
  });
  const more = shown.length - names.length;
  const rest = more > 0 ? `<span>and ${more} more</span>` : '';
  const size = `width="${AXIS_PX + width}" height="${height + 14}"`;
  return `<svg ${size}>${grid.join('')}${lines.join('')}</svg><p>${names.join('')}${rest}</p>`;
}

const STYLE = `
  body { margin: 0; background: #111217; color: #ccccdc; font: 13px sans-serif; position: relative }
  h1 { font-size: 18px; font-weight: 500; margin: 0; padding: 14px 12px }
  small { font-size: 12px; color: #9a9fa9; margin-left: 12px }
  h2 { font-size: 13px; font-weight: 500; margin: 0; padding: 6px 8px }
  section { position: absolute; box-sizing: border-box; overflow: hidden; background: #181b1f;
    border: 1px solid #2a2d33; border-radius: 2px }
  section.row { background: none; border: none; font-size: 15px }
  .value { height: 76px; margin: 0 8px; font-size: 34px; line-height: 76px; text-align: center;
    border-radius: 2px; color: #fff }
  .none { padding: 40px; text-align: center; color: #80858f }
  text { fill: #9a9fa9; font-size: 11px; text-anchor: end }
  line { stroke: #2a2d33 }
  polyline { fill: none; stroke-width: 1.5 }
  p { margin: 2px 8px; font-size: 11px; white-space: nowrap }
  p span { margin-right: 12px }
  p i { display: inline-block; width: 12px; height: 3px; margin: 0 5px 3px 0 }`;

/**
 * @param answersOf the series of each target of a panel
 * @param range from and to, s
 * @returns HTML, and its size in pixels
 */
export function pageOf({ title, panels }, answersOf, range) {
  const header = 50;
  const sections = panels.map((panel) => {
    const { x, y, w, h } = panel.gridPos;
    const place = [
      `left:${x * COLUMN_PX + GAP_PX / 2}px`,
      `top:${header + y * ROW_PX}px`,
      `width:${w * COLUMN_PX - GAP_PX}px`,
      `height:${h * ROW_PX - GAP_PX}px`,
    ].join(';');
    const draw = { row: () => '', stat, timeseries: chart }[panel.type];
    if (draw === undefined) throw new Error(`no such panel: ${panel.type}`);
    const content = draw(panel, answersOf(panel), range);
    const heading = `<h2>${escaped(panel.title)}</h2>`;
    return `<section class="${panel.type}" style="${place}">${heading}${content}</section>`;
  });
  const rows = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const html =
    `<!doctype html><meta charset="utf-8"><style>${STYLE}</style>` +
    `<h1>${escaped(title)} <small>${NOTE}</small></h1>${sections.join('')}`;
  return { html, width: COLUMNS * COLUMN_PX, height: header + rows * ROW_PX };
}
