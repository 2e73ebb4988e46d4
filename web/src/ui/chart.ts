// How a chart is drawn, with what is needed of ECharts and no more. Loaded by `Chart.svelte` when the first one is on a page.

import { BarChart, FunnelChart, LineChart, PieChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { init, use, type ECharts, type EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { date, dayMonth, numberOf } from '../i18n/format';

use([BarChart, FunnelChart, LineChart, PieChart, AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, SVGRenderer]);

export type ChartKind = 'line' | 'area' | 'bar' | 'pie' | 'funnel';

export interface Shape {
  label: string;
  kind: ChartKind;
  rows: readonly Record<string, unknown>[];
  x: string;
  y: readonly string[];
  series?: string | undefined;
  stacked: boolean;
  target?: number | undefined;
  format: (value: number) => string;
}

export interface Drawn {
  show(shape: Shape): void;
  dispose(): void;
}

/** Makes a chart in an element; it follows the element's size. */
export function draw(element: HTMLElement): Drawn {
  const chart: ECharts = init(element, null, { renderer: 'svg' });
  const observer = new ResizeObserver(() => chart.resize());
  observer.observe(element);
  return {
    show: (shape) => chart.setOption(optionOf(shape, element), { notMerge: true }),
    dispose: () => {
      observer.disconnect();
      chart.dispose();
    },
  };
}

const dayMs = 86_400_000;
/** About how wide a letter at an axis is. */
const letterPixels = 7;

interface Line {
  name: string;
  values: (number | null)[];
}

function optionOf(shape: Shape, element: HTMLElement): EChartsCoreOption {
  const css = getComputedStyle(element);
  const token = (name: string) => css.getPropertyValue(`--${name}`).trim();
  const colours = [1, 2, 3, 4, 5, 6, 7, 8].map((each) => token(`series-${each}`));
  const isCalm = !window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  const text = { color: token('text-2'), fontFamily: css.fontFamily, fontSize: 12 };
  const common = {
    color: colours,
    textStyle: text,
    animation: isCalm,
    animationDuration: 250,
    aria: { enabled: true },
    tooltip: {
      backgroundColor: token('raised'),
      borderColor: token('line-strong'),
      textStyle: { ...text, color: token('text') },
      valueFormatter: (value: unknown) => (numberOf(value) === undefined ? '–' : shape.format(numberOf(value) ?? 0)),
    },
    legend: { bottom: 0, type: 'scroll', icon: 'roundRect', itemWidth: 10, itemHeight: 10, textStyle: text, pageTextStyle: text },
  };
  return shape.kind === 'pie' || shape.kind === 'funnel' ? round(shape, common, token, element.clientWidth) : along(shape, common, token, element.clientWidth);
}

type Token = (name: string) => string;

function along(shape: Shape, common: object, token: Token, width: number): EChartsCoreOption {
  const { names, lines } = linesOf(shape);
  const hasLegend = 1 < lines.length;
  const isDated = 0 < names.length && names.every((name) => /^\d{4}-\d{2}/.test(name) && !Number.isNaN(Date.parse(name)));
  const isByDay = isDated && names.every((name) => /^[\d-]+(T00:00(:00(\.0+)?)?(Z|\+00:00)?)?$/.test(name));
  // A single moment makes no axis of time: it would stand between days that nobody asked for.
  const isTime = isDated && 1 < names.length;
  const axis = { axisLine: { lineStyle: { color: token('line-strong') } }, axisTick: { show: false }, axisLabel: { color: token('text-3'), hideOverlap: true } };
  const target = shape.target === undefined ? undefined : markAt(shape.target, shape.format, token);
  const series = lines.map((line, index) => ({
    type: shape.kind === 'bar' ? 'bar' : 'line',
    name: line.name,
    data: isTime ? line.values.map((value, at) => [names[at], value]) : line.values,
    stack: shape.stacked ? 'all' : undefined,
    symbol: 'circle',
    symbolSize: 5,
    showSymbol: names.length < 40,
    lineStyle: { width: 2 },
    areaStyle: shape.kind === 'area' ? { opacity: 0.14 } : undefined,
    barMaxWidth: 28,
    itemStyle: shape.kind === 'bar' ? { borderRadius: [2, 2, 0, 0] } : undefined,
    markLine: index === 0 ? target : undefined,
  }));
  return {
    ...common,
    tooltip: { ...(common as { tooltip: object }).tooltip, trigger: 'axis', axisPointer: { lineStyle: { color: token('line-strong') } } },
    legend: hasLegend ? (common as { legend: object }).legend : undefined,
    grid: { left: 4, right: 16, top: 16, bottom: hasLegend ? 34 : 4, containLabel: true },
    xAxis: isTime
      ? { type: 'time', ...axis, splitLine: { show: false }, ...(isByDay && { minInterval: dayMs, axisLabel: { ...axis.axisLabel, formatter: (at: number) => dayMonth(at) } }) }
      : { type: 'category', data: isByDay ? names.map((name) => date(name)) : names, ...axis, ...(shape.kind === 'bar' && { axisLabel: { ...axis.axisLabel, ...leaning(names, width) } }), boundaryGap: shape.kind === 'bar' },
    yAxis: {
      type: 'value',
      ...axis,
      axisLine: { show: false },
      axisLabel: { color: token('text-3'), formatter: (value: number) => shape.format(value) },
      splitLine: { lineStyle: { color: token('line') } },
      // Around a single value there is no scale to be seen.
      scale: shape.kind === 'line' && 1 < names.length,
    },
    series,
  };
}

/** Names of bars that have no room side by side go on in further lines, or lean, so that none is left out; of very many bars some are. */
function leaning(names: string[], width: number): object {
  const longest = Math.max(0, ...names.map((name) => name.length));
  const room = width / Math.max(1, names.length);
  if (longest * letterPixels < room || room < 2 * letterPixels) return {};
  const longestWord = Math.max(0, ...names.flatMap((name) => name.split(' ').map((part) => part.length)));
  if (longestWord * letterPixels < room) return { interval: 0, hideOverlap: false, width: room - letterPixels, overflow: 'break' };
  return { interval: 0, hideOverlap: false, rotate: 40, width: 90, overflow: 'truncate' };
}

/** A ring beside a list of names and values; a funnel with both inside, so that it needs no list. */
function round(shape: Shape, common: object, token: Token, width: number): EChartsCoreOption {
  const value = shape.y[0] ?? 'value';
  const data = shape.rows.map((row) => ({ name: String(row[shape.x] ?? '–'), value: numberOf(row[value]) ?? 0 }));
  const values = new Map(data.map((each) => [each.name, each.value]));
  const named = (name: string, known = values.get(name) ?? 0) => `${name}  ${shape.format(known)}`;
  const line = { itemStyle: { borderColor: token('surface'), borderWidth: 2 }, data };
  const inside = { color: token('surface'), position: 'inside', formatter: ({ name, value: known }: { name: string; value: number }) => named(name, known) };
  const { legend, tooltip } = common as { legend: { textStyle: object }; tooltip: object };
  const list = { ...legend, bottom: undefined, orient: 'vertical', left: '58%', top: 'middle', formatter: (name: string) => named(name), textStyle: { ...legend.textStyle, width: 0.36 * width, overflow: 'truncate' } };
  const ring = { radius: ['46%', '70%'], center: ['30%', '50%'], label: { show: false }, labelLine: { show: false } };
  // Above the funnel there is room for the button that shows the table.
  const series =
    shape.kind === 'pie'
      ? { type: 'pie', ...ring, ...line }
      : { type: 'funnel', left: '6%', right: '6%', top: 28, bottom: 8, gap: 2, ...line, minSize: '40%', label: inside };
  return { ...common, legend: shape.kind === 'funnel' ? undefined : list, tooltip: { ...tooltip, trigger: 'item' }, series: [series] };
}

function markAt(target: number, format: (value: number) => string, token: Token): object {
  return {
    silent: true,
    symbol: 'none',
    data: [{ yAxis: target }],
    lineStyle: { color: token('control'), type: [4, 4] },
    label: { formatter: format(target), color: token('text-3'), position: 'insideEndTop' },
  };
}

/** Makes series of rows: a column each, or a value of `series` each. */
function linesOf(shape: Shape): { names: string[]; lines: Line[] } {
  const names = [...new Set(shape.rows.map((row) => String(row[shape.x] ?? '–')))];
  const at = new Map(names.map((name, index) => [name, index]));
  const lines = new Map<string, Line>();
  for (const row of shape.rows) {
    for (const column of shape.y) {
      const group = shape.series === undefined ? undefined : String(row[shape.series] ?? '–');
      const name = group === undefined ? column : shape.y.length === 1 ? group : `${group} · ${column}`;
      const line = lines.get(name) ?? { name, values: names.map(() => null) };
      lines.set(name, line);
      line.values[at.get(String(row[shape.x] ?? '–')) ?? 0] = numberOf(row[column]) ?? null;
    }
  }
  return { names, lines: [...lines.values()] };
}
