import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';

import { WidgetModel } from '../widget/model';
import { Kernel } from './kernel';

const CHECK = { diagnostics: [], cells: [], flow: [], proposals: [], bindings: {}, frozen: {} };
const CELLS = [
  { index: 0, role: null, source: 'x = 1' },
  { index: 2, role: 'predict', source: '%%predict\ny = x' },
  { index: 3, role: 'served', source: 'z = 1' }
];
const LOOK = { cells: CELLS, settings: { name: 'leaving', budget: { p99_ms: 20 } }, check: CHECK };

beforeEach(() => {
  jest.useFakeTimers();
  Object.assign(globalThis, { window: globalThis });
});

afterEach(() => {
  jest.useRealTimers();
});

/** A panel whose first look was answered. */
async function shown(traits: Record<string, unknown> = {}) {
  const kernel = new Kernel();
  Object.assign(kernel.traits, traits);
  const panel = new WidgetModel(kernel);
  const [look] = kernel.asked;
  kernel.say({ id: look!.id, answer: LOOK });
  await jest.advanceTimersByTimeAsync(0);
  return { kernel, panel };
}

const running = { id: 'kernel', path: 'churn.ipynb', state: 'running', stages: [], answer: null };

test('what the kernel reads in the file is shown; settings that were typed here win', async () => {
  const { kernel, panel } = await shown();
  expect(panel.rows.map(each => [each.index, each.role, each.first])).toEqual([
    [0, null, 'x = 1'],
    [2, 'predict', 'y = x'],
    [3, null, 'z = 1']
  ]);
  expect([panel.checking, panel.predicts, panel.likelyName]).toEqual(['checked', true, 'churn']);
  panel.setSetting('name', ' churn-2 ');
  kernel.tell('change:changed');
  kernel.answer(LOOK);
  await jest.advanceTimersByTimeAsync(0);
  expect(panel.settings).toEqual({ name: 'churn-2', input: '', output: '', budget: 'p99_ms=20' });
});

test('a kernel that does not answer is said to be busy, until it answers', async () => {
  const kernel = new Kernel();
  const panel = new WidgetModel(kernel);
  expect(panel.checking).toBe('waiting');
  await jest.advanceTimersByTimeAsync(5000);
  expect([panel.checking, panel.problem]).toEqual(['failed', expect.stringContaining('busy')]);
  kernel.say({ id: kernel.asked[0]!.id, answer: LOOK });
  await jest.advanceTimersByTimeAsync(0);
  expect([panel.checking, panel.problem]).toEqual(['checked', '']);
});

test('a kernel that dies while it deploys is missed', async () => {
  const { kernel, panel } = await shown({ deploy: running });
  await jest.advanceTimersByTimeAsync(60_000);
  expect([panel.checking, panel.deploy?.state]).toEqual(['checked', 'running']); // busy is not dead
  kernel.dead = true;
  await jest.advanceTimersByTimeAsync(5000);
  expect(panel.deploy).toBeNull();
  expect([panel.checking, panel.problem]).toEqual(['failed', expect.stringContaining('has died')]);
});

test('a restart is noticed at once', async () => {
  const { kernel, panel } = await shown({ deploy: { ...running, state: 'done' } });
  kernel.tell('comm_live_update');
  kernel.dead = true;
  await jest.advanceTimersByTimeAsync(1);
  expect(panel.problem).toContain('run %load_ext nbdeploy');
  expect(panel.deploy?.state).toBe('done'); // what was made is still there
});

test('who orders a deploy of a kernel that is gone is told so', async () => {
  const { kernel, panel } = await shown();
  kernel.dead = true;
  await panel.startDeploy();
  expect([panel.checking, panel.problem]).toEqual(['failed', expect.stringContaining('has died')]);
});

test('a kernel that deploys nothing is left alone, and so is one whose panel is closed', async () => {
  const { kernel, panel } = await shown();
  const asked = kernel.asked.length;
  await jest.advanceTimersByTimeAsync(60_000);
  expect(kernel.asked).toHaveLength(asked); // it would never count as idle
  kernel.traits['deploy'] = running;
  kernel.tell('change:deploy');
  await jest.advanceTimersByTimeAsync(10_000);
  expect(kernel.asked.length).toBeGreaterThan(asked);
  panel.dispose();
  expect([kernel.views, jest.getTimerCount()]).toEqual([0, 0]);
});

test('rows are selected one by one, or from the first selected to another', async () => {
  const { panel } = await shown();
  const selected = () => panel.rows.filter(each => each.selected).map(each => each.index);
  await panel.select('0');
  panel.toggle('3');
  expect(selected()).toEqual([0, 3]);
  panel.toggle('0');
  expect(selected()).toEqual([3]);
  await panel.select('0');
  panel.extendTo('2');
  expect(selected()).toEqual([0, 2]);
});
