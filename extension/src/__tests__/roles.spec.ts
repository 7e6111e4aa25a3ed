import { expect, test } from '@jest/globals';

import { magicRole, roleOf, setRole, tagsOf } from '../roles';
import type { Role } from '../roles';
import { cell, notebook } from './document';

function given(source: string, tags: string[], role: Role | null) {
  const { document } = notebook([source, ...tags]);
  const changed = cell(document, 0);
  setRole(changed, role);
  return {
    source: changed.sharedModel.getSource(),
    tags: changed.getMetadata('tags'),
    role: roleOf(changed)
  };
}

test.each([
  ['%%predict\ny = 1', 'predict'],
  ['  %%test --name x', 'test'],
  ['%%predict', 'predict'],
  ['%%predictions\ny = 1', null],
  ['%%time\n%%predict', null],
  ['# %%predict', null],
  ['', null]
])('the magic of %j is %j', (source, role) => {
  expect(magicRole(source)).toBe(role);
});

test('a role replaces the other roles; foreign tags and their order stay', () => {
  expect(given('y = 1', ['parameters', 'test', 'hide', 'predict'], 'preprocess')).toEqual({
    source: 'y = 1',
    tags: ['parameters', 'hide', 'preprocess'],
    role: 'preprocess'
  });
});

test('a role that is taken away leaves no empty list of tags', () => {
  expect(given('y = 1', ['predict'], null)).toEqual({
    source: 'y = 1',
    tags: undefined,
    role: null
  });
  expect(given('y = 1', ['predict', 'kept'], null).tags).toEqual(['kept']);
});

test('a role that is a magic is changed on its line, and the cell gets no tag', () => {
  expect(given('  %%preprocess --on churn\nx = 1\n', ['kept'], 'predict')).toEqual({
    source: '  %%predict\nx = 1\n',
    tags: ['kept'],
    role: 'predict'
  });
});

test('a magic that is taken away takes its line with it, and a second role in the tags', () => {
  expect(given('%%predict\ny = 1', ['test'], null)).toEqual({
    source: 'y = 1',
    tags: undefined,
    role: null
  });
  expect(given('%%predict', [], null).source).toBe('');
});

test('the magic counts where a tag says something else, as it does when the cell is deployed', () => {
  const { document } = notebook(['%%predict\ny = 1', 'test']);
  expect(roleOf(cell(document, 0))).toBe('predict');
});

test('the same role again changes nothing', () => {
  const { document } = notebook(['y = 1', 'predict', 'kept']);
  setRole(cell(document, 0), 'predict');
  expect(cell(document, 0).getMetadata('tags')).toEqual(['predict', 'kept']);
  expect(document.canUndo()).toBe(false);
});

test('text has no role, and is given none', () => {
  const { document } = notebook();
  document.addCell({ cell_type: 'markdown', source: '%%predict', metadata: { tags: ['predict'] } });
  const text = cell(document, 0);
  expect(roleOf(text)).toBeNull();
  setRole(text, 'test');
  expect([text.sharedModel.getSource(), tagsOf(text)]).toEqual(['%%predict', ['predict']]);
});

test('tags that are no list of texts are none', () => {
  const { document } = notebook('y = 1', 'z = 1');
  document.getCell(0).setMetadata('tags', 'predict');
  document.getCell(1).setMetadata('tags', [1, 'predict', null] as never);
  expect([tagsOf(cell(document, 0)), tagsOf(cell(document, 1))]).toEqual([[], ['predict']]);
});
