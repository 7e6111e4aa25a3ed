import { expect, test } from '@jest/globals';

import { budgetOf, budgetText, firstLine, nameOf } from '../panel';

test.each([
  ['p99_ms=20 memory_mb=512', { p99_ms: 20, memory_mb: 512 }],
  [' p99_ms=2.5,memory_mb=.5 ', { p99_ms: 2.5, memory_mb: 0.5 }],
  ['p99_ms', null],
  ['p99_ms=', null],
  ['p99_ms=20 fast', null],
  ['p99_ms=-1', null],
  ['', null]
])('the limits of %j are %j', (text, limits) => {
  expect(budgetOf(text)).toEqual(limits);
});

test('limits are written as they are read; what is none is no text', () => {
  expect(budgetText({ p99_ms: 20.5, memory_mb: 512 })).toBe('p99_ms=20.5 memory_mb=512');
  expect([budgetText(undefined), budgetText(null), budgetText('p99')]).toEqual(['', '', '']);
});

test.each([
  ['%%predict\n# why\n\n  y = f(x)\nz', 'y = f(x)'],
  ['# only a comment', '# only a comment'],
  ['\n \n', '']
])('the line that stands for %j is %j', (source, line) => {
  expect(firstLine(source)).toBe(line);
});

test.each([
  ['folder/House Prices (2).ipynb', 'house-prices-2'],
  ['house_prices.ipynb', 'house_prices'],
  ['_v1.2 final_.ipynb', 'v1.2-final'],
  [`${'x'.repeat(70)}.ipynb`, 'x'.repeat(63)],
  ['données.ipynb', 'donn-es'],
  ['', '']
])('the service of %j is called %j', (path, name) => {
  expect(nameOf(path)).toBe(name);
});
