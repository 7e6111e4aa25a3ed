import { expect, test } from '@jest/globals';

import type { IAnswered, IAskable, IServed, IVersion, IVersionSource } from '../api';
import { Versions } from '../versions';

const ASKABLE: IAskable = { input: { kind: 'array' }, examples: [] };
const ANSWER: IAnswered = { status: 200, answer: { predictions: [1] }, milliseconds: 2 };

function version(name: string, number: string): IVersion {
  const gates = { pass: 10, fail: 0, skip: 0 };
  const rest = { deployed: null, package: null, bento_tag: null, pages: [], run: null };
  return { name, version: number, gates, ...rest };
}

interface IPending<T> {
  promise: Promise<T>;
  done: (value: T) => void;
  failed: (reason: Error) => void;
}

function pending<T>(): IPending<T> {
  let done!: (value: T) => void;
  let failed!: (reason: Error) => void;
  const promise = new Promise<T>((yes, no) => ([done, failed] = [yes, no]));
  return { promise, done, failed };
}

/** A source whose answers come when the test says so: what is asked last may be answered first. */
class Source implements IVersionSource {
  readonly served = new Map<string, IPending<IServed>>();
  readonly asked: IPending<IAnswered>[] = [];
  readonly lists = new Map<string, IPending<IVersion[]>>();
  readonly ended: string[] = [];

  versions(name: string): Promise<IVersion[]> {
    const list = pending<IVersion[]>();
    this.lists.set(name, list);
    return list.promise;
  }

  aliases(name: string): Promise<Record<string, string[]>> {
    return Promise.resolve({ '2': [`${name}-production`] });
  }

  askable(): Promise<IAskable> {
    return Promise.resolve(ASKABLE);
  }

  serve(name: string, number: string): Promise<IServed> {
    const served = pending<IServed>();
    this.served.set(`${name} ${number}`, served);
    return served.promise;
  }

  end(name: string, number: string): Promise<IServed> {
    this.ended.push(`${name} ${number}`);
    return Promise.reject(new Error('it has ended already'));
  }

  predict(): Promise<IAnswered> {
    const asked = pending<IAnswered>();
    this.asked.push(asked);
    return asked.promise;
  }

  address(): null {
    return null;
  }
}

const settled = () => new Promise(done => setTimeout(done, 0));

function shown(name: string) {
  const source = new Source();
  const versions = new Versions(source);
  versions.show(name);
  return { source, versions };
}

/** A version that is ready to be asked. */
async function tried(number: string) {
  const { source, versions } = shown('churn');
  const serving = versions.serve(version('churn', number));
  source.served.get(`churn ${number}`)!.done({ state: 'ready' });
  await serving;
  return { source, versions };
}

test('a trial starts, is ready, is asked, and ends', async () => {
  const { source, versions } = shown('churn');
  const states: unknown[] = [];
  versions.changed.connect(({ trial }) => states.push(trial && [trial.state, trial.asking]));
  const serving = versions.serve(version('churn', '1'));
  expect(versions.isTried(version('churn', '1'))).toBe(true);
  expect(versions.isTried(version('churn', '2'))).toBe(false);
  source.served.get('churn 1')!.done({ state: 'ready' });
  await serving;
  expect(versions.trial?.askable).toBe(ASKABLE);
  const asking = versions.ask({ rows: [] });
  source.asked[0]!.done(ANSWER);
  await asking;
  expect(versions.trial).toMatchObject({ asked: { rows: [] }, answered: ANSWER, state: 'ready' });
  await versions.end();
  expect(source.ended).toEqual(['churn 1']);
  expect(states).toEqual([
    ['starting', false],
    ['ready', false],
    ['ready', true],
    ['ready', false],
    null
  ]);
});

test('a version that can not be served says why', async () => {
  const { source, versions } = shown('churn');
  const serving = versions.serve(version('churn', '1'));
  source.served.get('churn 1')!.failed(new Error('the Bento is gone'));
  await serving;
  expect(versions.trial).toMatchObject({ state: 'failed', problem: 'the Bento is gone' });
});

test('a service that has died says so, and can be started again', async () => {
  const { source, versions } = await tried('1');
  const asking = versions.ask({});
  source.asked[0]!.failed(new Error('it did not answer'));
  await asking;
  expect(versions.trial).toMatchObject({ state: 'failed', asking: false });
  expect(versions.trial?.problem).toBe('it did not answer');
  const serving = versions.serve(version('churn', '1'));
  expect(versions.trial).toMatchObject({ state: 'starting', problem: '' });
  source.served.get('churn 1')!.done({ state: 'ready' });
  await serving;
  expect(versions.trial?.state).toBe('ready');
});

test('a service is asked one question at a time, and none before it is ready', async () => {
  const { source, versions } = shown('churn');
  await versions.ask({});
  void versions.serve(version('churn', '1'));
  await versions.ask({});
  expect(source.asked).toHaveLength(0);
  source.served.get('churn 1')!.done({ state: 'ready' });
  await settled();
  void versions.ask({ first: 1 });
  void versions.ask({ second: 2 });
  expect(source.asked).toHaveLength(1);
});

test('what comes of an older trial does not touch the newer one', async () => {
  const { source, versions } = shown('churn');
  const first = versions.serve(version('churn', '1'));
  const second = versions.serve(version('churn', '2'));
  source.served.get('churn 2')!.done({ state: 'ready' });
  await second;
  source.served.get('churn 1')!.failed(new Error('it was ended'));
  await first;
  expect(versions.trial).toMatchObject({ state: 'ready', version: { version: '2' } });
});

test('an answer that comes after the end brings no trial back', async () => {
  const { source, versions } = await tried('1');
  const asking = versions.ask({});
  await versions.end();
  source.asked[0]!.done(ANSWER);
  await asking;
  expect(versions.trial).toBeNull();
});

test('each service keeps its own trial', async () => {
  const { source, versions } = await tried('1');
  versions.show('reviews');
  expect(versions.trial).toBeNull();
  await versions.end();
  expect(source.ended).toEqual([]);
  versions.show('churn');
  expect(versions.trial?.state).toBe('ready');
});

test('the list is of the service that is shown now, with its aliases', async () => {
  const { source, versions } = shown('churn');
  versions.show('reviews');
  source.lists.get('reviews')!.done([version('reviews', '2'), version('reviews', '1')]);
  await settled();
  source.lists.get('churn')!.done([version('churn', '1')]);
  await settled();
  expect(versions.list.map(each => each.name)).toEqual(['reviews', 'reviews']);
  expect(versions.aliasesOf(version('reviews', '2'))).toEqual(['reviews-production']);
  expect(versions.aliasesOf(version('reviews', '1'))).toEqual([]);
});

test('a list that can not be read leaves the one before', async () => {
  const { source, versions } = shown('churn');
  source.lists.get('churn')!.done([version('churn', '1')]);
  await settled();
  versions.reload();
  source.lists.get('churn')!.failed(new Error('no server'));
  await settled();
  expect(versions.list).toHaveLength(1);
});
