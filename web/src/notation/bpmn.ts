// Draws BPMN with bpmn-js. Loaded only where a diagram is on a page; `Diagram.svelte` is what pages use.
//
// All colours are the console's own variables, so that a diagram follows the theme without being drawn again.

import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import 'bpmn-js/dist/assets/diagram-js.css';
import 'bpmn-js/dist/assets/bpmn-js.css';
import './bpmn.css';
import type { Mark } from './marks';

interface Canvas {
  zoom(to?: number | 'fit-viewport', at?: 'auto' | { x: number; y: number }): number;
  viewbox(to?: { x: number; y: number; width: number; height: number }): { inner: { width: number; height: number; x: number; y: number }; outer: { width: number; height: number } };
  addMarker(id: string, marker: string): void;
  removeMarker(id: string, marker: string): void;
  scroll(by: { dx: number; dy: number }): void;
  scrollToElement(id: string, air?: number): void;
  resized(): void;
}
interface Overlays {
  clear(): void;
  add(id: string, kind: string, overlay: { position: Record<string, number>; html: HTMLElement; scale?: boolean }): void;
}
interface Registry {
  get(id: string): Shape | undefined;
}
interface Shape {
  x: number;
  y: number;
  width: number;
  height: number;
  attachers?: Shape[];
}
interface Bus {
  on(event: string, run: (event: { element: { id: string; labelTarget?: { id: string }; type: string } }) => void): void;
}
interface Scroll {
  toggle(isOn: boolean): void;
}

/** A diagram in an element of the page. */
export class Drawing {
  readonly #viewer: InstanceType<typeof NavigatedViewer>;
  #marked: [id: string, marker: string][] = [];
  readonly #container: HTMLElement;

  constructor(container: HTMLElement, onpick: (id: string) => unknown) {
    this.#container = container;
    this.#viewer = new NavigatedViewer({
      container,
      bpmnRenderer: { defaultFillColor: 'var(--surface)', defaultStrokeColor: 'var(--text-2)', defaultLabelColor: 'var(--text)' },
      // The wheel moves the page until the diagram has the focus.
      zoomScroll: { enabled: false },
    } as object);
    const bus = this.#viewer.get<Bus>('eventBus');
    bus.on('element.click', ({ element }) => onpick((element.labelTarget ?? element).id));
    container.addEventListener('focusin', () => this.#viewer.get<Scroll>('zoomScroll').toggle(true));
    container.addEventListener('focusout', () => this.#viewer.get<Scroll>('zoomScroll').toggle(false));
    this.#pan(container);
  }

  /** Reads and draws a diagram; throws where it has none. */
  async open(source: string): Promise<void> {
    this.#marked = [];
    await this.#viewer.importXML(source);
    const svg = this.#container.querySelector('svg');
    svg?.setAttribute('tabindex', '0');
    this.fit();
  }

  has(id: string): boolean {
    return this.#viewer.get<Registry>('elementRegistry').get(id) !== undefined;
  }

  /** Shows what is known of elements and flows, in place of what was shown before. */
  show(marks: Record<string, Mark>, flows: Record<string, number>, chosen: string | undefined): void {
    const canvas = this.#viewer.get<Canvas>('canvas');
    const overlays = this.#viewer.get<Overlays>('overlays');
    for (const [id, marker] of this.#marked) canvas.removeMarker(id, marker);
    this.#marked = [];
    overlays.clear();
    const mark = (id: string, marker: string): void => {
      canvas.addMarker(id, marker);
      this.#marked.push([id, marker]);
    };
    for (const [id, known] of Object.entries(marks)) {
      if (!this.has(id)) continue;
      if (known.state) mark(id, `is-${known.state}`);
      if (known.heat) mark(id, `heat-${known.heat}`);
      const html = pills(known);
      if (html) overlays.add(id, 'known', { position: this.#corner(id, html.childElementCount), html, scale: false });
    }
    for (const [id, count] of Object.entries(flows)) if (0 < count && this.has(id)) mark(id, 'is-taken');
    if (chosen !== undefined && this.has(chosen)) mark(chosen, 'is-chosen');
  }

  /** Brings an element into sight, where not all of the diagram is. */
  reveal(id: string): void {
    if (this.has(id)) this.#viewer.get<Canvas>('canvas').scrollToElement(id, 60);
  }

  /** Shows all of it with some air around, never larger than it was drawn; in a small window from its beginning, so that it can be read. */
  fit(): void {
    const [air, readable] = [28, 0.6];
    const canvas = this.#viewer.get<Canvas>('canvas');
    canvas.resized();
    const { inner, outer } = canvas.viewbox();
    if (outer.width === 0 || inner.width === 0) return;
    const whole = Math.min(1.1, (outer.width - 2 * air) / inner.width, (outer.height - 2 * air) / inner.height);
    const isCut = whole < readable && outer.width < 700;
    const scale = isCut ? readable : Math.max(whole, 0.1);
    const [width, height] = [outer.width / scale, outer.height / scale];
    const x = isCut && width < inner.width ? inner.x - air / scale : inner.x + (inner.width - width) / 2;
    canvas.viewbox({ x, y: inner.y + (inner.height - height) / 2, width, height });
  }

  /** A corner of an element at which no event is attached. */
  #corner(id: string, count: number): Record<string, number> {
    const shape = this.#viewer.get<Registry>('elementRegistry').get(id);
    const wide = 34 * count;
    const left: Record<string, number> = { bottom: 11, left: -6 };
    if (!shape?.attachers?.length) return left;
    const corners: [at: Record<string, number>, x: number, y: number][] = [
      [left, wide / 2, shape.height],
      [{ bottom: 11, right: wide - 12 }, shape.width - wide / 2, shape.height],
      [{ top: -11, right: wide - 12 }, shape.width - wide / 2, 0],
      [{ top: -11, left: -6 }, wide / 2, 0],
    ];
    const isFree = (x: number, y: number): boolean =>
      (shape.attachers ?? []).every((each) => 34 < Math.abs(each.y + each.height / 2 - shape.y - y) || wide / 2 + 12 < Math.abs(each.x + each.width / 2 - shape.x - x));
    return corners.find(([, x, y]) => isFree(x, y))?.[0] ?? left;
  }

  zoom(by: number): void {
    const canvas = this.#viewer.get<Canvas>('canvas');
    canvas.zoom(Math.min(4, Math.max(0.2, canvas.zoom() * by)), 'auto');
  }

  destroy(): void {
    this.#viewer.destroy();
  }

  /** Fingers move the diagram sideways; up and down they move the page. */
  #pan(container: HTMLElement): void {
    let last: number | undefined;
    container.addEventListener('pointerdown', (event) => {
      if (event.pointerType === 'touch') last = event.clientX;
    });
    container.addEventListener('pointermove', (event) => {
      if (last === undefined) return;
      this.#viewer.get<Canvas>('canvas').scroll({ dx: event.clientX - last, dy: 0 });
      last = event.clientX;
    });
    for (const end of ['pointerup', 'pointercancel', 'pointerleave'] as const) container.addEventListener(end, () => (last = undefined));
  }
}

/** What stands at an element: how many are there, how many stand still, a word. */
function pills(known: Mark): HTMLElement | undefined {
  const parts: [kind: string, text: string][] = [];
  if (known.active) parts.push(['busy', known.activeText ?? String(known.active)]);
  if (known.incidents) parts.push(['bad', known.incidentsText ?? String(known.incidents)]);
  if (known.note) parts.push(['note', known.note]);
  if (parts.length === 0) return undefined;
  const box = document.createElement('div');
  box.className = 'bpmn-pills';
  box.setAttribute('aria-hidden', 'true');
  for (const [kind, text] of parts) {
    const pill = document.createElement('span');
    pill.className = `bpmn-pill ${kind}`;
    pill.textContent = text;
    box.append(pill);
  }
  return box;
}
