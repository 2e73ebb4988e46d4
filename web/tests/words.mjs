// The words of the console: both languages have the same, with the same values in them, every word is there that is said, and none that nobody says.
// `npm run check` runs it; it needs no browser.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const src = fileURLToPath(new URL('../src/', import.meta.url));
const errorPages = fileURLToPath(new URL('../../docs/errors/', import.meta.url));

/** Reads the texts of a file: the object that it exports. */
function textsOf(path) {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const texts = {};
  const walk = (node) => {
    if (ts.isPropertyAssignment(node) && ts.isStringLiteralLike(node.initializer)) {
      assert.equal(texts[node.name.text], undefined, `${path}: ${node.name.text} stands twice`);
      texts[node.name.text] = node.initializer.text;
    }
    ts.forEachChild(node, walk);
  };
  walk(file);
  return texts;
}

function tablesOf(language) {
  const files = readdirSync(`${src}i18n/${language}`).filter((name) => !['index.ts', 'errors.ts'].includes(name));
  return Object.fromEntries(files.map((name) => [name.replace('.ts', ''), textsOf(`${src}i18n/${language}/${name}`)]));
}

const [en, zh] = [tablesOf('en'), tablesOf('zh')];
const keys = (tables) => Object.entries(tables).flatMap(([room, texts]) => Object.keys(texts).map((key) => `${room}.${key}`));
const textOf = (tables, key) => tables[key.split('.')[0]]?.[key.split('.')[1]];

/** The names of values in a text; those that only choose a form (`{n|task|tasks}`) are left out where a language has no such forms. */
const shown = (text) => new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
const named = (text) => new Set([...text.matchAll(/\{(\w+)(?:\||\})/g)].map(([, name]) => name));

const code = readdirSync(src, { recursive: true })
  .filter((name) => /\.(svelte|ts)$/.test(name) && !/^i18n\/(en|zh)\//.test(name) && !name.endsWith('.d.ts'))
  .map((name) => ({ name, text: readFileSync(src + name, 'utf8') }));

/** Keys that are put together: what stands for `${…}` may be anything. */
const patterns = code.flatMap(({ text }) =>
  [...text.matchAll(/`(\w+\.\w*\$\{[^`]*)`/g)].map(([, template]) => template.replace(/\$\{[^}]*\}/g, '*')).filter((template) => template.split('.')[0] in en),
);
const isLike = (pattern, key) => new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.+')}$`).test(key);
/** `own('state_…')` of rooms/exchange/words.ts. */
const ofExchange = ['exchange.state_*', 'exchange.event_*', 'exchange.what_*'];

test('both languages have the same words', () => {
  assert.deepEqual(keys(zh).sort(), keys(en).sort());
});

test('no word is empty, and each has the same values in both languages', () => {
  for (const key of keys(en)) {
    const [english, chinese] = [textOf(en, key), textOf(zh, key)];
    assert.ok(english.trim() && chinese.trim(), `${key} says nothing`);
    assert.ok([...shown(english)].every((name) => named(chinese).has(name)), `${key}: Chinese lacks a value of ${english}`);
    assert.ok([...named(chinese)].every((name) => named(english).has(name)), `${key}: Chinese has a value that English has not`);
  }
});

test('every word that is said is there', () => {
  for (const { name, text } of code) {
    for (const [, argument] of text.matchAll(/\b(?:t|say)\(([^(){}]*)/g)) {
      for (const [, key] of argument.matchAll(/'(\w+\.\w+)'/g)) if (key.split('.')[0] in en) assert.notEqual(textOf(en, key), undefined, `${name} says ${key}`);
    }
  }
  for (const pattern of patterns) assert.ok(keys(en).some((key) => isLike(pattern, key)), `no word is like ${pattern}`);
});

test('no word is there that nobody says', () => {
  const all = code.map(({ text }) => text).join('\n');
  const ends = [...patterns.filter((pattern) => !/^\w+\.\*$/.test(pattern)), ...ofExchange];
  // States and kinds are the unit's own words, usual ones those of applications: they decide which there are.
  const silent = keys(en).filter((key) => !/^(states|kinds|usual)\./.test(key) && !all.includes(`'${key}'`) && !ends.some((pattern) => isLike(pattern, key)));
  assert.deepEqual(silent, []);
});

test('errors in Chinese are those of the unit', () => {
  const kinds = ['invalid', 'unauthenticated', 'forbidden', 'not_found', 'conflict', 'exhausted', 'unavailable', 'internal'];
  const codes = Object.keys(textsOf(`${src}i18n/zh/errors.ts`)).filter((name) => !kinds.includes(name) && !name.startsWith('console.'));
  assert.deepEqual(codes.filter((name) => !existsSync(`${errorPages}${name}.md`)), []);
});

test('what a node warns of is said in the sentences of the unit', () => {
  const node = readFileSync(fileURLToPath(new URL('../../crates/unit/src/node.rs', import.meta.url)), 'utf8');
  const warned = [...node.matchAll(/warnings\.push\(\s*"([^"]+)"/g)].map(([, text]) => text);
  const page = readFileSync(`${src}rooms/system/Nodes.svelte`, 'utf8');
  const known = [...page.matchAll(/^ +'([^']+)': 'system\.warn_\w+',$/gm)].map(([, text]) => text);
  assert.deepEqual(known.sort(), warned.sort());
});
