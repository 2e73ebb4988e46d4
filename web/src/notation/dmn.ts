// Draws DMN with dmn-js. Loaded only where a decision is on a page; `Dmn.svelte` is what pages use.

// It has no types of its own.
// @ts-expect-error
import NavigatedViewer from 'dmn-js/lib/NavigatedViewer';
import 'dmn-js/dist/assets/diagram-js.css';
import 'dmn-js/dist/assets/dmn-js-shared.css';
import 'dmn-js/dist/assets/dmn-js-drd.css';
import 'dmn-js/dist/assets/dmn-js-decision-table.css';
import 'dmn-js/dist/assets/dmn-js-literal-expression.css';
import 'dmn-js/dist/assets/dmn-js-boxed-expression.css';
import './dmn.css';
import type { Language } from '../i18n/index.svelte';

/** The words in tables; dmn-js has only English ones. */
const words: Partial<Record<Language, Record<string, string>>> = {
  zh: {
    When: '当', And: '且', Then: '则', Annotations: '注释', 'Hit policy:': '命中策略：', 'Hit policy': '命中策略', Unique: '唯一', First: '首个', Any: '任意', Priority: '优先级', Collect: '收集', 'Rule order': '规则顺序', 'Output order': '输出顺序',
    'Collect (sum)': '收集（求和）', 'Collect (min)': '收集（最小）', 'Collect (max)': '收集（最大）', 'Collect (count)': '收集（计数）', string: '文本', number: '数字', boolean: '布尔', date: '日期', 'View DRD': '查看关系图',
  },
};

export interface View {
  id: string;
  type: 'drd' | 'decisionTable' | 'literalExpression' | 'boxedExpression';
  name: string;
}
interface Given {
  element: { id: string; name?: string };
  type: View['type'];
}
interface Viewer {
  importXML(source: string): Promise<unknown>;
  getViews(): Given[];
  getActiveView(): Given | undefined;
  open(view: Given): Promise<unknown>;
  getActiveViewer(): { get(name: string): { zoom(to: string, at: string): void; resized(): void } } | undefined;
  on(event: string, run: () => void): void;
  destroy(): void;
}

export class Decisions {
  readonly #viewer: Viewer;

  constructor(container: HTMLElement, language: Language, onview: (id: string | undefined) => unknown) {
    const renderer = { defaultFillColor: 'var(--surface)', defaultStrokeColor: 'var(--text-2)', defaultLabelColor: 'var(--text)' };
    const said = { translate: ['value', (text: string, given: Record<string, string> = {}) => (words[language]?.[text] ?? text).replace(/\{(\w+)\}/g, (whole, key: string) => given[key] ?? whole)] };
    const common = { additionalModules: [said] };
    this.#viewer = new NavigatedViewer({ container, drd: { ...common, drdRenderer: renderer, zoomScroll: { enabled: false } }, decisionTable: common, literalExpression: common, boxedExpression: common }) as Viewer;
    this.#viewer.on('views.changed', () => onview(this.#viewer.getActiveView()?.element.id));
  }

  async open(source: string): Promise<View[]> {
    await this.#viewer.importXML(source);
    return this.#viewer.getViews().map((view) => ({ id: view.element.id, type: view.type, name: view.element.name ?? view.element.id }));
  }

  async show(id: string): Promise<void> {
    const view = this.#viewer.getViews().find((each) => each.element.id === id);
    if (!view) return;
    if (this.#viewer.getActiveView()?.element.id !== id) await this.#viewer.open(view);
    if (view.type === 'drd') {
      const canvas = this.#viewer.getActiveViewer()?.get('canvas');
      canvas?.resized();
      canvas?.zoom('fit-viewport', 'auto');
    }
  }

  destroy(): void {
    this.#viewer.destroy();
  }
}
