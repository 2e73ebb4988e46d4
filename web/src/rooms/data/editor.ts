// The editor of SQL: CodeMirror, with what is needed of it. Loaded by `Editor.svelte` when one is on a page.

import { autocompletion, closeBrackets, closeCompletion, closeBracketsKeymap, completionKeymap, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab, redo, undo } from '@codemirror/commands';
import { sql, SQLDialect } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { CatalogueNames } from './answers';

export interface Marked {
  line: number;
  column: number;
  message: string;
}

export interface Options {
  text: string;
  label: string;
  placeholder: string;
  onchange: (text: string) => unknown;
  onrun: () => unknown;
}

export interface Editing {
  /** Puts another text in; the way back leads to the one before. */
  set(text: string): void;
  /** Puts something in where the caret is. */
  insert(text: string): void;
  /** What is selected, or all. */
  wanted(): { text: string; from: number; line: number };
  complete(names: CatalogueNames): void;
  mark(problems: Marked[]): void;
  focus(): void;
  undo(): void;
  redo(): void;
  dispose(): void;
}

/** What the unit's SQL knows: of the words of PostgreSQL most would only stand in the way. */
const dialect = SQLDialect.define({
  doubleQuotedStrings: false,
  operatorChars: '+-*/<>=~!@#%^&|?',
  keywords:
    'all and any as asc between by case cast cross current_date current_timestamp desc describe distinct else end escape except exclude exists explain extract false filter first following for from full group grouping having ilike in inner intersect interval is join last lateral left like limit natural not null nulls offset on or order outer over partition preceding range recursive right rollup cube rows select sets show similar some table tables then to true unbounded union unnest using values when where window with within',
  types: 'bool boolean int integer bigint smallint float double real decimal numeric text varchar date time timestamp interval json',
});

/** Makes an editor in an element. */
export function edit(parent: HTMLElement, options: Options): Editing {
  const language = new Compartment();
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        // Before the keys of the editor: Ctrl-Enter would put in a line.
        Prec.highest(keymap.of([{ key: 'Mod-Enter', run: (target) => (closeCompletion(target), options.onrun(), true) }])),
        lineNumbers(),
        highlightActiveLineGutter(),
        highlightActiveLine(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        highlightSelectionMatches(),
        autocompletion({ icons: false }),
        syntaxHighlighting(colours),
        placeholder(options.placeholder),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false', autocapitalize: 'off', 'data-filter': '' }),
        language.of(sql({ dialect })),
        // Escape and then Tab leaves the editor by the keyboard.
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap, indentWithTab]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onchange(update.state.doc.toString());
        }),
        look,
      ],
    }),
  });
  return {
    set: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } }),
    insert: (text) => {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    wanted: () => {
      const { from, to } = view.state.selection.main;
      const isAll = from === to || view.state.sliceDoc(from, to).trim() === '';
      return isAll
        ? { text: view.state.doc.toString(), from: 0, line: 0 }
        : { text: view.state.sliceDoc(from, to), from, line: view.state.doc.lineAt(from).number - 1 };
    },
    complete: (names) => view.dispatch({ effects: language.reconfigure(known(names)) }),
    mark: (problems) => view.dispatch(setDiagnostics(view.state, problems.map((problem) => diagnostic(view.state, problem)))),
    focus: () => view.focus(),
    undo: () => void undo(view),
    redo: () => void redo(view),
    dispose: () => view.destroy(),
  };
}

/** Underlines the word at a place; at the end of a line what stands before it. */
function diagnostic(state: EditorState, problem: Marked) {
  const line = state.doc.line(Math.max(1, Math.min(state.doc.lines, problem.line)));
  const at = Math.min(line.to, line.from + Math.max(0, problem.column - 1));
  const word = /^[\w."$]+/.exec(state.sliceDoc(at, line.to))?.[0].length ?? 1;
  const to = Math.min(line.to, at + word);
  return { from: at === to ? Math.max(line.from, at - 1) : at, to, severity: 'error' as const, message: problem.message };
}

/** The language with the names of a unit. */
function known(names: CatalogueNames) {
  const schema: Record<string, Completion[]> = {};
  for (const relation of names.relations) {
    schema[relation.name] = relation.columns.map((column) => ({ label: column.name, detail: column.type, type: 'property' }));
  }
  const functions: Completion[] = names.functions.map((label) => ({ label, type: 'function', apply: `${label}(`, detail: '()', boost: -2 }));
  const ofStatement = (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/\w+/);
    if ((!word && !context.explicit) || (word && context.state.sliceDoc(word.from - 1, word.from) === '.')) return null;
    const text = context.state.doc.toString();
    const inReach = names.relations.filter((relation) => hasWord(text, relation.name) || hasWord(text, `"${relation.table}"`));
    const columns = inReach.flatMap((relation) =>
      relation.columns.map((column) => ({ label: column.name, detail: `${column.type} · ${relation.name}`, type: 'property', boost: 2 })),
    );
    return { from: word?.from ?? context.pos, options: [...columns, ...functions], validFor: /^\w*$/ };
  };
  const tables = names.relations.map((relation) => ({ label: relation.name, detail: relation.kind, info: relation.summary || undefined, type: 'type', boost: 1 }));
  return [sql({ dialect, schema, tables, upperCaseKeywords: true }), dialect.language.data.of({ autocomplete: ofStatement })];
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (!/\w/.test(text[at - 1] ?? ' ') && !/\w/.test(text[at + word.length] ?? ' ')) return true;
  }
  return false;
}

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--series-3)' },
  { tag: tags.comment, color: 'var(--text-3)', fontStyle: 'italic' },
  { tag: tags.typeName, color: 'var(--series-6)' },
  { tag: tags.operator, color: 'var(--text-2)' },
]);

const look = EditorView.theme({
  '&': { fontSize: 'var(--type-m)', color: 'var(--text)', backgroundColor: 'var(--surface)', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-content': { padding: 'var(--s3) 0', caretColor: 'var(--accent)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--text-3)', border: '0' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 var(--s2) 0 var(--s3)', minWidth: '2.25rem' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--accent) 22%, transparent)' },
  '.cm-placeholder': { color: 'var(--text-3)' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', color: 'var(--text)', border: '1px solid var(--line-strong)', borderRadius: 'var(--radius)', boxShadow: 'var(--shadow-2)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: 'var(--type-s)', maxHeight: '16rem' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px var(--s3)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionDetail': { marginLeft: 'var(--s3)', fontStyle: 'normal', opacity: '0.75' },
  '.cm-completionInfo': { padding: 'var(--s2) var(--s3)', maxWidth: '20rem' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)', padding: 'var(--s2) var(--s3)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad) 1.5px', textUnderlineOffset: '3px' },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--text)', borderColor: 'var(--line)' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-tint) !important' },
  '.cm-selectionMatch, .cm-searchMatch': { backgroundColor: 'var(--warn-tint)' },
});
