import * as React from 'react';

import type { IAnswer, IDeploy, ILine } from './api';
import { VersionLinks } from './history';
import { budgetOf } from './panel';
import type { IFinding, IPanel, ISettings } from './panel';
import { Problems } from './problems';
import { TrialForm } from './trying';

const SIGNS: Record<string, string> = { waiting: '·', done: '✓', fail: '✗', skip: '–' };
const LABELS: Record<string, string> = {
  record: 'Run the notebook',
  export: 'Write the package',
  prove: 'Prove it',
  track: 'Record in MLflow',
  build: 'Build the Bento'
};

/** The settings that a deploy takes from the notebook. */
export function SettingsForm({ model }: { model: IPanel }): JSX.Element {
  const held = model.settings;
  const check = model.check;
  const hints: ISettings = {
    name: model.likelyName,
    input: check?.input ?? 'found while it runs',
    output: check?.output ?? 'found while it runs',
    budget: 'p99_ms=20' // two are wider than a narrow sidebar: the title names them
  };
  const told: Record<keyof ISettings, string> = {
    name: 'Name of the service',
    input: 'Variable that a request sends',
    output: 'Variable that it gets back',
    budget: 'Limits that the service has to keep, such as p99_ms=20 memory_mb=512'
  };
  return (
    <div className="nbd-Form">
      {(['name', 'input', 'output', 'budget'] as const).map(key => (
        <label key={`${model.path}:${key}`} title={told[key]}>
          <span>{key}</span>
          <Field
            value={held[key]}
            isWrong={text => key === 'budget' && !!text.trim() && budgetOf(text) === null}
            hint={hints[key]}
            onValue={text => model.setSetting(key, text)}
          />
        </label>
      ))}
    </div>
  );
}

interface IFieldProps {
  value: string;
  hint: string;
  isWrong: (text: string) => boolean;
  onValue: (text: string) => void;
}

/** A text that is taken over when the field is left, or by Enter. */
function Field({ value, hint, isWrong, onValue }: IFieldProps): JSX.Element {
  const [text, setText] = React.useState(value);
  React.useEffect(() => setText(value), [value]);
  const take = () => text.trim() !== value && !isWrong(text) && onValue(text);
  return (
    <input
      className="nbd-Input"
      type="text"
      spellCheck={false}
      value={text}
      aria-invalid={isWrong(text)}
      placeholder={hint}
      onChange={event => setText(event.target.value)}
      onBlur={take}
      onKeyDown={event => event.key === 'Enter' && take()}
    />
  );
}

/** The deploy of this notebook that runs, or the last that has ended. */
export function DeployState({ model, deploy }: { model: IPanel; deploy: IDeploy }): JSX.Element {
  const running = deploy.state === 'running';
  const answer = deploy.answer;
  const errors = (answer?.diagnostics ?? [])
    .filter(each => each.severity === 'error')
    .map((each): IFinding => ({ ...each, edits: [], id: model.idAt(each.cell) }));
  return (
    <div className="nbd-Deploy">
      <p className="nbd-Deploy-state" role="status" data-state={deploy.state}>
        {ended(deploy)}
      </p>
      {deploy.state === 'failed' && <Problems model={model} findings={errors} />}
      {deploy.state === 'done' && answer && <Deployed model={model} answer={answer} />}
      {deploy.state !== 'cancelled' && (
        <ul className="nbd-Stages">
          {deploy.stages.map(stage => (
            <React.Fragment key={stage.stage}>
              <StageLine line={stage} label={LABELS[stage.stage] ?? stage.stage} />
              {stage.gates.map(gate => (
                <StageLine
                  key={gate.stage}
                  line={gate}
                  label={gate.stage}
                  gate
                  reason={answer?.gates?.find(each => each.name === gate.stage)?.reason ?? ''}
                />
              ))}
            </React.Fragment>
          ))}
        </ul>
      )}
      {!running && (
        <button type="button" className="nbd-Link" onClick={() => model.forgetDeploy()}>
          Close
        </button>
      )}
    </div>
  );
}

function ended(deploy: IDeploy): string {
  if (deploy.state === 'done') {
    return `${deploy.answer?.name} ${deploy.answer?.version} is deployed`;
  }
  return {
    running: 'Deploying…',
    failed: 'Not deployed, and nothing is left behind',
    cancelled: 'Cancelled, and nothing is left behind'
  }[deploy.state];
}

interface IStageProps {
  line: ILine;
  label: string;
  gate?: boolean;
  /** What a gate has shown, once it is known. */
  reason?: string;
}

function StageLine({ line, label, gate = false, reason = '' }: IStageProps): JSX.Element {
  const running = line.state === 'start' || line.state === 'update';
  const counted = running && line.done !== null && line.total !== null;
  return (
    <li
      className="nbd-Stage"
      data-state={running ? 'running' : line.state}
      data-gate={gate || undefined}
    >
      <span className="nbd-Stage-sign" aria-hidden="true">
        {running ? <span className="nbd-Spinner" /> : SIGNS[line.state]}
      </span>
      <span className="nbd-Stage-name" title={line.text}>
        {label}
        {counted && ` ${line.done}/${line.total}`}
        {reason && <span className="nbd-Stage-reason">{reason}</span>}
      </span>
      <span className="nbd-visuallyHidden">{running ? 'running' : line.state}</span>
      <span className="nbd-Stage-seconds">
        {running ? <Seconds /> : line.seconds !== null && `${line.seconds.toFixed(1)} s`}
      </span>
    </li>
  );
}

/** The seconds since this line began. */
function Seconds(): JSX.Element {
  const [began] = React.useState(Date.now);
  const [now, setNow] = React.useState(began);
  React.useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 250);
    return () => window.clearInterval(timer);
  }, []);
  return <>{((now - began) / 1000).toFixed(0)} s</>;
}

/** The way on from a deploy: try it, read what it has left, serve it elsewhere. */
function Deployed({ model, answer }: { model: IPanel; answer: IAnswer }): JSX.Element {
  const versions = model.versions;
  const version = versions.list.find(each => each.version === answer.version);
  const { url = null, command = null } = version?.run ?? {};
  return (
    <>
      {version && <VersionLinks versions={versions} version={version} />}
      {version && versions.isTried(version) && <TrialForm versions={versions} />}
      <dl className="nbd-Deployed">
        {answer.package && <Copied term="Package" text={answer.package} />}
        {answer.bento_tag && (
          <Copied term="Serve it" text={`nbdeploy serve ${answer.name}:${answer.version}`} />
        )}
        {url === null && command !== null && <Copied term="MLflow" text={command} />}
      </dl>
    </>
  );
}

function Copied({ term, text }: { term: string; text: string }): JSX.Element {
  const [done, setDone] = React.useState(false);
  const copy = () => void navigator.clipboard?.writeText(text).then(() => setDone(true));
  return (
    <>
      <dt>{term}</dt>
      <dd>
        <code title={text}>{text}</code>
        <button type="button" className="nbd-Link" aria-label={`Copy: ${term}`} onClick={copy}>
          {done ? 'copied' : 'copy'}
        </button>
      </dd>
    </>
  );
}
