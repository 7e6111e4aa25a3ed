import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import type { IAskable, IColumn } from '../api';
import { fieldsOf, isTable, requestOf } from '../requests';

function column(name: string, dtype: string, rest: Partial<IColumn> = {}): IColumn {
  return { name, dtype, nullable: false, required: true, categories: [], ...rest };
}

function table(columns: IColumn[], ...rows: Record<string, unknown>[]): IAskable {
  const examples = rows.map(row => ({ request: { rows: [row, row] }, predictions: [] }));
  return { input: { kind: 'table', columns }, examples };
}

/** The row that is sent where the field of a column of this kind holds the text. */
function sent(text: string, dtype: string, rest: Partial<IColumn> = {}): unknown {
  return requestOf(table([column('x', dtype, rest)]), { x: text });
}

const row = (x: unknown) => ({ rows: [{ x }] });

test.each([
  ['int64', '3', 3],
  ['float64', '2.50', 2.5],
  ['float32', '1e-3', 0.001],
  ['Int64', 'null', null],
  ['bool', 'true', true],
  ['boolean', 'false', false],
  ['str', '007', '007'],
  ['object', 'true', 'true'],
  ['category', ' 1', ' 1'],
  ['datetime64[ns]', '2024-01-31', '2024-01-31']
])('a field of %s that holds %j sends %j', (dtype, text, value) => {
  expect(sent(text, dtype)).toEqual(row(value));
});

test.each(['a lot', '1,5', 'True', '01', 'NaN'])('no number is sent as it is: %j', text => {
  expect(sent(text, 'float64')).toEqual(row(text));
});

test('an empty field is the empty text, null or left out, as its column allows', () => {
  expect(sent('', 'str')).toEqual(row(''));
  expect(sent('', 'str', { nullable: true })).toEqual(row(null));
  expect(sent('', 'str', { required: false })).toEqual({ rows: [{}] });
  expect(sent('', 'float64')).toEqual(row(null));
  expect(sent('', 'bool', { nullable: true })).toEqual(row(null));
  expect(sent('', 'int64', { required: false, nullable: true })).toEqual({ rows: [{}] });
  expect(requestOf(table([column('x', 'str')]), {})).toEqual(row(''));
});

const COLUMNS = [
  column('plan', 'category', { nullable: true }),
  column('months', 'int64'),
  column('charge', 'float64', { nullable: true }),
  column('senior', 'bool'),
  column('note', 'str', { required: false })
];

test.each([
  { plan: 'Two year', months: 3, charge: 19.5, senior: false, note: 'said "no" 🌷' },
  { plan: null, months: 0, charge: null, senior: true, note: '12' },
  { plan: '', months: -1, charge: 1e21, senior: true }
])('a recorded row is shown, and sent as it was recorded: %j', recorded => {
  const askable = table(COLUMNS, { months: 1 }, recorded);
  const fields = fieldsOf(askable, 1);
  expect(Object.values(fields).filter(each => typeof each !== 'string')).toEqual([]);
  const [first] = requestOf(askable, fields)!['rows'] as Record<string, unknown>[];
  // A form cannot tell an empty text from none: a column that may be null gets null.
  expect(first).toEqual({ ...recorded, plan: recorded.plan || null });
});

const GOLDEN = join(__dirname, '..', '..', '..', 'tests', 'golden');

test.each(['churn', 'house_prices', 'reviews'])('the form of %s asks as was recorded', example => {
  const path = join(GOLDEN, example, 'expected', 'contract.json');
  const contract = JSON.parse(readFileSync(path, 'utf-8')) as IAskable;
  const examples = contract.examples.filter(each => each.request); // of the rest a golden tree keeps the number
  expect(examples.length).toBeGreaterThan(0);
  examples.forEach(({ request }, at) => {
    expect(requestOf(contract, fieldsOf({ ...contract, examples }, at))).toEqual(request);
  });
});

test('a table without a recorded row begins with empty fields', () => {
  expect(fieldsOf(table([column('x', 'int64')]), 0)).toEqual({ x: '' });
});

test('a text column that held no text is shown as JSON', () => {
  expect(fieldsOf(table([column('x', 'object')], { x: [1, 'a'] }), 0)).toEqual({ x: '[1,"a"]' });
});

test('what is no table is one body of JSON', () => {
  const request = { input: [[1, 2]] };
  const askable: IAskable = { input: { kind: 'array' }, examples: [{ request, predictions: [] }] };
  expect(isTable(askable)).toBe(false);
  expect(isTable(table([]))).toBe(false);
  expect(requestOf(askable, fieldsOf(askable, 0))).toEqual(request);
  expect(fieldsOf(askable, 9)).toEqual({ request: '{}' });
});

test.each(['{"input": [1,', '', '7', 'null', '"text"'])('%j is no body', text => {
  expect(requestOf({ input: { kind: 'array' }, examples: [] }, { request: text })).toBeNull();
});
