import * as React from 'react';

import type { IAskable, IColumn } from './api';
import { fieldsOf, isTable, requestOf } from './requests';
import type { Fields } from './requests';
import type { ITrial, Versions } from './versions';

/** A form for one request to the version that is served, filled in with a recorded row, and its answer. */
export function TrialForm({ versions }: { versions: Versions }): JSX.Element | null {
  const trial = versions.trial;
  if (trial === null) {
    return null;
  }
  if (trial.state === 'starting') {
    return (
      <p className="nbd-Trial-state" role="status">
        <span className="nbd-Spinner" aria-hidden="true" /> Starting it on this machine…
      </p>
    );
  }
  if (trial.state === 'failed') {
    return (
      <p className="nbd-Trial-state" role="alert" data-state="failed">
        {trial.problem}
      </p>
    );
  }
  return <RequestForm key={trial.version.version} trial={trial} versions={versions} />;
}

function RequestForm({ trial, versions }: { trial: ITrial; versions: Versions }): JSX.Element {
  const askable = trial.askable!;
  const [at, setAt] = React.useState(0);
  const [fields, setFields] = React.useState<Fields>(() => fieldsOf(askable, 0));
  const request = requestOf(askable, fields);
  const examples = askable.examples.length;
  const take = (next: number) => {
    setAt(next);
    setFields(fieldsOf(askable, next));
  };
  const onSubmit = (event: React.FormEvent) => {
    event.preventDefault();
    if (request !== null) {
      void versions.ask(request);
    }
  };
  return (
    <form className="nbd-Trial" onSubmit={onSubmit}>
      {examples > 1 && (
        <div className="nbd-Trial-example">
          <span>
            recorded row {at + 1} of {examples}
          </span>
          <button type="button" className="nbd-Link" onClick={() => take((at + 1) % examples)}>
            next row
          </button>
        </div>
      )}
      {Object.entries(fields).map(([name, text]) => (
        <RequestField
          key={name}
          name={name}
          column={columnOf(askable, name)}
          text={text}
          onText={said => setFields({ ...fields, [name]: said })}
        />
      ))}
      <button
        type="submit"
        className="nbd-Button nbd-Primary"
        disabled={request === null || trial.asking}
      >
        {trial.asking ? 'Asking…' : 'Ask'}
      </button>
      {request === null && <p className="nbd-Hint">This is no JSON yet.</p>}
      <Answer trial={trial} />
    </form>
  );
}

interface IFieldProps {
  name: string;
  column: IColumn | null;
  text: string;
  onText: (text: string) => void;
}

function RequestField({ name, column, text, onText }: IFieldProps): JSX.Element {
  if (column === null) {
    return (
      <textarea
        className="nbd-Input"
        aria-label={name}
        spellCheck={false}
        rows={4}
        value={text}
        onChange={event => onText(event.target.value)}
      />
    );
  }
  const told = [
    column.dtype,
    column.nullable ? 'may be empty' : '',
    column.required ? '' : 'may be left out'
  ];
  return (
    <label title={told.filter(each => each).join(', ')}>
      <span>{name}</span>
      <input
        className="nbd-Input"
        type="text"
        spellCheck={false}
        value={text}
        placeholder={column.nullable ? 'empty' : ''}
        onChange={event => onText(event.target.value)}
      />
    </label>
  );
}

function columnOf(askable: IAskable, name: string): IColumn | null {
  return isTable(askable)
    ? (askable.input.columns?.find(each => each.name === name) ?? null)
    : null;
}

/** What the service said, and whether the notebook said so of the same row. */
function Answer({ trial }: { trial: ITrial }): JSX.Element | null {
  const answered = trial.answered;
  if (answered === null) {
    return null;
  }
  const isGood = answered.status === 200;
  const said = isGood
    ? (answered.answer as { predictions?: unknown }).predictions
    : answered.answer;
  const same = isGood ? comparison(trial, said) : '';
  return (
    <div className="nbd-Answer" role="status" data-state={isGood ? 'ok' : 'refused'}>
      <div className="nbd-Answer-head">
        <span>{isGood ? 'answer' : `refused (${answered.status})`}</span>
        <span>{answered.milliseconds.toFixed(0)} ms</span>
      </div>
      <Said value={said} />
      {same && <p className="nbd-Answer-same">{same}</p>}
    </div>
  );
}

/** One prediction as its columns, anything else as JSON. */
function Said({ value }: { value: unknown }): JSX.Element {
  const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof only !== 'object' || only === null || Array.isArray(only)) {
    return <pre tabIndex={0}>{JSON.stringify(only, null, 1)}</pre>;
  }
  return (
    <dl>
      {Object.entries(only).map(([name, each]) => (
        <React.Fragment key={name}>
          <dt>{name}</dt>
          <dd>{typeof each === 'string' ? each : JSON.stringify(each)}</dd>
        </React.Fragment>
      ))}
    </dl>
  );
}

/** Say how the answer stands to what the notebook itself predicted, where the request is a recorded one. */
function comparison(trial: ITrial, said: unknown): string {
  const recorded = trial.askable?.examples.find(each => close(each.request, trial.asked));
  if (!recorded) {
    return '';
  }
  return close(said, recorded.predictions)
    ? 'As the notebook predicted for this row.'
    : `The notebook predicted ${JSON.stringify(recorded.predictions)}.`;
}

/** Whether two answers are equal, numbers but for the last bits that JSON and ONNX may cost. */
function close(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number') {
    return Math.abs(one - other) <= 1e-6 * Math.max(1, Math.abs(one), Math.abs(other));
  }
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') {
    return one === other;
  }
  const keys = Object.keys(one);
  const at = (value: object, key: string) => (value as Record<string, unknown>)[key];
  return (
    keys.length === Object.keys(other).length &&
    keys.every(key => close(at(one, key), at(other, key)))
  );
}
