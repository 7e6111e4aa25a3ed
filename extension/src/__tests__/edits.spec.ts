import { expect, test } from '@jest/globals';

import { applyEdits, cellsOf, offsetOf } from '../edits';
import { notebook } from './document';

function edit(cell: number, line: number, column: number, end_column: number, text: string) {
  return { cell, line, column, end_line: line, end_column, text };
}

test.each([
  ['ab\ncd', 1, 0, 0],
  ['ab\ncd', 2, 1, 4],
  ['ab\ncd', 2, 2, 5],
  ['ab\n', 2, 0, 3],
  // A character as Python counts them may be two units of a JavaScript string.
  ['x = "🌷🌷"; y', 1, 9, 11],
  ['"🌷"\n"𝒳"; z', 2, 3, 9],
  ['"é"', 1, 3, 3],
  // What lies behind the end of a line is its end.
  ['ab\ncd', 1, 99, 2]
])('in %j line %i, column %i is offset %i', (source, line, column, offset) => {
  expect(offsetOf(source, line, column)).toBe(offset);
});

test('edits of one cell do not move each other, in whatever order they come', () => {
  const { model, sources } = notebook('a = 1; b = 2\nc = a + b');
  applyEdits(model, [
    edit(0, 1, 0, 1, 'longer'),
    edit(0, 2, 8, 9, 'shorter'),
    edit(0, 1, 7, 8, 'shorter'),
    edit(0, 2, 4, 5, 'longer')
  ]);
  expect(sources()).toEqual(['longer = 1; shorter = 2\nc = longer + shorter']);
});

test('an edit that adds lines does not move those below it', () => {
  const { model, sources } = notebook('load()\nfit()');
  applyEdits(model, [edit(0, 1, 0, 0, 'import x\n\n'), edit(0, 2, 3, 3, '_all')]);
  expect(sources()).toEqual(['import x\n\nload()\nfit_all()']);
});

test('an edit behind astral characters hits its place', () => {
  const { model, sources } = notebook('"🌷" + old  # 🌷');
  applyEdits(model, [edit(0, 1, 6, 9, 'new')]);
  expect(sources()).toEqual(['"🌷" + new  # 🌷']);
});

test('an edit over several lines takes all between its ends', () => {
  const { model, sources } = notebook('f(\n  1,\n  2\n)\n');
  applyEdits(model, [{ cell: 0, line: 1, column: 2, end_line: 4, end_column: 0, text: '3' }]);
  expect(sources()).toEqual(['f(3)\n']);
});

test('new cells stand before those that they name, and the texts of later cells are still found', () => {
  const { model, sources } = notebook('first', 'second', 'third');
  applyEdits(model, [
    { before: 1, source: 'one' },
    edit(2, 1, 0, 5, 'changed'),
    { before: 3, source: 'last' },
    { before: 0, source: 'none' }
  ]);
  expect(sources()).toEqual(['none', 'first', 'one', 'second', 'changed', 'last']);
});

test('a whole fix is one step of undo', () => {
  const { document, model, sources } = notebook('a', 'b');
  applyEdits(model, [edit(0, 1, 0, 1, 'x'), edit(1, 1, 0, 1, 'y'), { before: 2, source: 'z' }]);
  expect(sources()).toEqual(['x', 'y', 'z']);
  document.undo();
  expect(sources()).toEqual(['a', 'b']);
});

test('a fix concerns the cells that it changes, and those that it puts one in front of', () => {
  expect(cellsOf([edit(4, 1, 0, 0, ''), { before: 2, source: '' }])).toEqual([4, 2]);
});
