import { expect, test } from '@jest/globals';

import { KernelGone, KernelVersions, Questions } from '../widget/questions';
import { Kernel } from './kernel';

test('answers find their questions, in whatever order they come', async () => {
  const kernel = new Kernel();
  const questions = new Questions(kernel);
  const first = questions.ask('look');
  const second = questions.ask('serve', 'churn', '1');
  const [look, serve] = kernel.asked;
  expect(serve).toMatchObject({ call: 'serve', with: ['churn', '1'] });
  kernel.say({ id: serve!.id, answer: 'served' });
  kernel.say({ id: look!.id, answer: 'seen' });
  expect(await Promise.all([first, second])).toEqual(['seen', 'served']);
});

test('what the kernel refuses is thrown in its words', async () => {
  const kernel = new Kernel();
  const asked = new Questions(kernel).ask('deploy', {});
  kernel.say({ id: kernel.asked[0]!.id, problem: 'it is being deployed already' });
  await expect(asked).rejects.toThrow('it is being deployed already');
});

test('there is nothing to ask where the kernel is gone', async () => {
  const kernel = new Kernel();
  kernel.dead = true;
  await expect(new Questions(kernel).ask('look')).rejects.toThrow(KernelGone);
});

test('two views of one panel do not take each other’s answers', async () => {
  const kernel = new Kernel();
  const [one, other] = [new Questions(kernel), new Questions(kernel)];
  const asked = [one.ask('look'), other.ask('look')];
  kernel.say({ id: kernel.asked[1]!.id, answer: 'for the other' });
  kernel.say({ id: kernel.asked[0]!.id, answer: 'for the one' });
  expect(await Promise.all(asked)).toEqual(['for the one', 'for the other']);
});

test('an answer that nobody waits for, and a message without a number, are let go', async () => {
  const kernel = new Kernel();
  const asked = new Questions(kernel).ask('look');
  const { id } = kernel.asked[0]!;
  kernel.say({ id: -1, problem: 'nobody asked' });
  kernel.say({});
  kernel.say({ id, answer: null });
  kernel.say({ id, problem: 'twice' });
  expect(await asked).toBeNull();
});

test('a view that is closed hears nothing more', () => {
  const kernel = new Kernel();
  const questions = new Questions(kernel);
  void questions.ask('look');
  expect(kernel.views).toBe(1);
  questions.dispose();
  expect(kernel.views).toBe(0);
});

test('versions are asked for by the names that the kernel knows', () => {
  const kernel = new Kernel();
  const versions = new KernelVersions(new Questions(kernel));
  void versions.versions('churn');
  void versions.aliases('churn');
  void versions.askable('churn', '1');
  void versions.serve('churn', '1');
  void versions.predict('churn', '1', { rows: [] });
  void versions.end('churn', '1');
  expect(kernel.asked.map(each => [each.call, ...each.with])).toEqual([
    ['versions', 'churn'],
    ['aliases', 'churn'],
    ['askable', 'churn', '1'],
    ['serve', 'churn', '1'],
    ['predict', 'churn', '1', { rows: [] }],
    ['end', 'churn', '1']
  ]);
});
